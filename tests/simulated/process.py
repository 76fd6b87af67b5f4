"""One process of Storykeeper's, put together over a network, a disk and a clock that belong to the story."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulated.carrier import Recorded, Workflows
from simulated.machine import Disk, Machine, Place, Places
from simulated.network import LATEST, Network
from storykeeper_tools.elevenlabs.client import ElevenLabs, Limits
from storykeeper_tools.elevenlabs.link import Link
from storykeeper_tools.elevenlabs.retries import Retries
from storykeeper_tools.provisioning.blobs import Blobs
from storykeeper_tools.provisioning.closing import Shutting
from storykeeper_tools.provisioning.consents import Consents
from storykeeper_tools.provisioning.deleting import Deleting
from storykeeper_tools.provisioning.engine import Carrying, Engine
from storykeeper_tools.provisioning.ensure import Ensure, Patience
from storykeeper_tools.provisioning.erasing import Erasing
from storykeeper_tools.provisioning.journal import Journal
from storykeeper_tools.provisioning.ledger import Ledger
from storykeeper_tools.provisioning.pausing import Pausing
from storykeeper_tools.provisioning.planner import Planner
from storykeeper_tools.provisioning.receipts import Receipts
from storykeeper_tools.provisioning.reconcile import Reconcile
from storykeeper_tools.provisioning.removal import Removing
from storykeeper_tools.provisioning.runs import Runs
from storykeeper_tools.provisioning.saga import Provisioning
from storykeeper_tools.provisioning.voiced import Voiced
from storykeeper_tools.provisioning.worker import Worker
from storykeeper_tools.provisioning.workspace import Workspace

LIMITS = Limits(reading=12, trying=5, writing=15, cloning=20)
# Settling covers an intent's age, a look before its request, the latest that this can take effect, and the lists' lag.
PATIENCE = Patience(fresh=5, settle=5 + 12 + LATEST + 23, lag=LATEST + 10, poll=5, rounds=4, longest=20)


@dataclass(frozen=True)
class Parts:
    """What can be put in the place of ours, to see that it would be noticed."""

    ledger: Callable[..., Ledger] = Ledger
    ensure: Callable[..., Any] = Ensure
    patience: Patience = PATIENCE


@dataclass
class Around:
    """What processes share, and what outlives them."""

    network: Callable[[Machine], Network]
    rows: sqlite3.Connection
    workflows: Workflows
    places: Places
    blobs: Blobs
    clock: Callable[[], float]
    jitter: Callable[[], float]
    parts: Parts


@dataclass
class Process:
    elevenlabs: ElevenLabs
    ledger: Ledger
    blobs: Blobs
    consents: Consents
    planner: Planner
    engine: Engine
    reconcile: Reconcile


def process(machine: Machine, around: Around) -> Process:
    """All of it but what listens."""
    parts, clock = around.parts, around.clock
    disk = Disk(machine, around.rows)
    journal = Journal(disk, key, clock)
    ledger = parts.ledger(disk, journal)
    retries = Retries(3, sleep=machine.sleep, jitter=around.jitter)
    elevenlabs = ElevenLabs(Link("http://127.0.0.1", "sandbox", around.network(machine)), retries, LIMITS)
    consents = Consents(ledger, key, clock=clock)
    workspace = Workspace("sandbox", elevenlabs, ledger)
    ticks = asyncio.get_running_loop().time
    ensure = parts.ensure(
        elevenlabs,
        ledger,
        around.blobs,
        parts.patience,
        clock=clock,
        sleep=machine.sleep,
        ticks=ticks,
        permit=consents.permit,
    )
    runs = Runs(disk, clock)
    carrier = Recorded(machine, around.workflows)
    receipts = Receipts(disk, journal, key)
    voiced = Voiced(elevenlabs, ledger, consents, workspace.name)
    erasing = Erasing(disk, runs, around.blobs, receipts, voiced, carrier.drop)
    deleting = Deleting(elevenlabs, receipts, parts.patience, machine.sleep)
    removing = Removing(
        elevenlabs, ledger, receipts, workspace, deleting, erasing, voiced, parts.patience, clock, machine.sleep
    )
    shutting = Shutting(Pausing(elevenlabs, ledger), voiced, ledger, parts.patience, clock)
    carrier.carry = Carrying(runs, ledger, Provisioning(elevenlabs, ensure, consents, workspace), removing, shutting)
    worker = Worker(runs, Place(around.places, machine), carrier, ticks)
    return Process(
        elevenlabs,
        ledger,
        around.blobs,
        consents,
        Planner(ledger, consents, workspace, runs, clock),
        Engine(runs, worker),
        Reconcile(ensure, runs, workspace),
    )


def key() -> bytes:
    """What consents and the journal are signed with."""
    return b"k" * 32
