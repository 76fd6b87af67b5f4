"""The composition root: the one place of the server that reads the environment and puts the parts together."""

from __future__ import annotations

import os
import platform
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from storykeeper_tools import reporting as reporting_settings
from storykeeper_tools.account import Account
from storykeeper_tools.agents import Agents
from storykeeper_tools.catalogue import Tool, catalogue
from storykeeper_tools.companion.recordings.thresholds import thresholds
from storykeeper_tools.companions import Companions
from storykeeper_tools.elevenlabs.client import ElevenLabs, Limits
from storykeeper_tools.elevenlabs.hosts import address
from storykeeper_tools.elevenlabs.link import Link
from storykeeper_tools.elevenlabs.pace import Pace
from storykeeper_tools.errors import BadInput
from storykeeper_tools.files import Files, allow, private_folder
from storykeeper_tools.interviews import Interviews
from storykeeper_tools.knowledge_base import KnowledgeBase
from storykeeper_tools.provisioning import postgres
from storykeeper_tools.provisioning.asking import Asking
from storykeeper_tools.provisioning.blobs import Blobs
from storykeeper_tools.provisioning.closing import Shutting
from storykeeper_tools.provisioning.confirms import Confirms
from storykeeper_tools.provisioning.consents import Consents
from storykeeper_tools.provisioning.deleting import Deleting
from storykeeper_tools.provisioning.durable import Durable
from storykeeper_tools.provisioning.engine import Carrying, Engine
from storykeeper_tools.provisioning.ensure import SANDBOX_PATIENCE, Ensure, Patience
from storykeeper_tools.provisioning.erasing import Erasing
from storykeeper_tools.provisioning.journal import Journal
from storykeeper_tools.provisioning.keys import KEY, SigningKey
from storykeeper_tools.provisioning.ledger import Ledger
from storykeeper_tools.provisioning.memory import InMemory
from storykeeper_tools.provisioning.pausing import Pausing
from storykeeper_tools.provisioning.planner import Planner
from storykeeper_tools.provisioning.receipts import Receipts
from storykeeper_tools.provisioning.rehearsed import Rehearsed
from storykeeper_tools.provisioning.removal import Removing
from storykeeper_tools.provisioning.runs import Runs
from storykeeper_tools.provisioning.saga import Provisioning
from storykeeper_tools.provisioning.schema import opened, schema
from storykeeper_tools.provisioning.slots import FileSlot, NumberedSlot, Slot
from storykeeper_tools.provisioning.sounds import Sounds
from storykeeper_tools.provisioning.staging import Stager
from storykeeper_tools.provisioning.voiced import Voiced
from storykeeper_tools.provisioning.worker import Carry, Worker
from storykeeper_tools.provisioning.workspace import Workspace
from storykeeper_tools.rehearsals import Rehearsals
from storykeeper_tools.reporting import Reporting
from storykeeper_tools.retirement import Retirement
from storykeeper_tools.revoking import Revoking
from storykeeper_tools.sessions import Sessions
from storykeeper_tools.settings import SANDBOX, Settings, read
from storykeeper_tools.voices import Voices

if TYPE_CHECKING:
    from storykeeper_tools.companion.memories.source import Source
    from storykeeper_tools.provisioning.texts import Texts

COMPANION_TOOLS = frozenset(
    {
        "check_quota",
        "inspect_recording",
        "record_consent",
        "plan_companion",
        "provision_companion",
        "get_companion",
        "list_companions",
        "rehearse_companion",
        "get_signed_url",
        "retire_companion",
    }
)


@dataclass(frozen=True, slots=True)
class Storykeeper:
    """Everything, put together and not yet running."""

    settings: Settings
    tools: tuple[Tool, ...]
    companions: Companions
    sessions: Sessions
    retirement: Retirement
    revoking: Revoking
    rehearsals: Rehearsals
    elevenlabs: ElevenLabs
    engine: Engine
    ensure: Ensure
    ledger: Ledger
    interviews: Interviews
    key: Callable[[], bytes]

    @asynccontextmanager
    async def running(self, *, work: bool = True) -> AsyncGenerator[None]:
        """With an embedded sandbox if asked for; without `work` it carries no runs. They end before the client closes."""
        async with AsyncExitStack() as stack:
            stack.callback(self.ledger.database.close)
            stack.push_async_callback(self.elevenlabs.link.close)
            if self.settings.sandbox:
                self.elevenlabs.link.base_url = await stack.enter_async_context(embedded(self.settings))
            stack.push_async_callback(self.ensure.stop)
            stack.push_async_callback(self.rehearsals.asking.stop)
            stack.push_async_callback(self.engine.worker.stop)
            # Without a key it could only fail what others, who have one, would finish.
            if work and self.settings.api_key:
                self.engine.worker.start()
            yield

    async def stop(self) -> None:
        """Let go of runs, which are written down as far as they came, and let requests under way end for a moment."""
        await self.engine.worker.stop()
        await self.rehearsals.asking.stop()
        await self.ensure.stop()
        self.ledger.database.close()


def settings(more: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment, with some variables set otherwise."""
    return read({**os.environ, **(more or {})}, platformdirs.user_data_path("storykeeper"))


def present(*names: str) -> dict[str, str]:
    """What the environment says besides our settings, where it says something."""
    return {name: os.environ[name].strip() for name in names if os.environ.get(name, "").strip()}


def reporting() -> Reporting:
    """What the environment says of log lines and collectors; what can't be meant is told with all other settings."""
    try:
        return reporting_settings.read(os.environ)
    except BadInput:
        return Reporting()


def wire(
    settings: Settings,
    *,
    files: Files | None = None,
    elevenlabs: ElevenLabs | None = None,
    patience: Patience | None = None,
    durable: bool = True,
) -> Storykeeper:
    """Put the parts together. What isn't given is as the settings have it; touches neither disk nor network."""
    elevenlabs = elevenlabs or service(settings)
    database = opened(settings.folder, settings.database_url)
    key = SigningKey(settings.folder / KEY, lambda: ledger.signed())  # noqa: PLW0108 - it is made below
    ledger = Ledger(database, Journal(database, key))
    blobs = Blobs(settings.folder / "blobs")
    readable = allow(settings.files, home=Path.home()) if files is None else files
    stager = Stager(Sounds(readable, blobs, thresholds(settings.preflight)), lambda: texts(readable, settings), blobs)
    consents = Consents(ledger, key, settings.consent)
    workspace = Workspace(settings.workspace, elevenlabs, ledger, embedded=settings.sandbox)
    ensure = Ensure(elevenlabs, ledger, blobs, patience or usual(settings), permit=consents.permit)
    runs = Runs(database)
    receipts = Receipts(database, ledger.journal, key)
    voiced = Voiced(elevenlabs, ledger, consents, settings.workspace)
    erasing = Erasing(database, runs, blobs, receipts, voiced, lambda run_ids: carrier.drop(run_ids))  # noqa: PLW0108 - it is made later
    deleting = Deleting(elevenlabs, receipts, ensure.patience)
    removing = Removing(elevenlabs, ledger, receipts, workspace, deleting, erasing, voiced, ensure.patience)
    pausing = Pausing(elevenlabs, ledger)
    shutting = Shutting(pausing, voiced, ledger, ensure.patience)
    carry = Carrying(runs, ledger, Provisioning(elevenlabs, ensure, consents, workspace), removing, shutting)
    carrier = engine_of(settings, carry) if durable else InMemory(carry)
    engine = Engine(runs, Worker(runs, slot(settings), carrier))
    planner = Planner(ledger, consents, workspace, runs)
    rehearsed = Rehearsed(ledger)
    companions = Companions(elevenlabs, engine, planner, stager, consents, workspace, rehearsed)
    asking = Asking(elevenlabs, rehearsed)
    rehearsals = Rehearsals(elevenlabs, engine, planner, blobs, asking, workspace)
    sessions = Sessions(elevenlabs, ledger, workspace, voiced)
    retirement = Retirement(
        elevenlabs, engine, planner, workspace, pausing, deleting, erasing, receipts, Confirms(database), voiced
    )
    tools = catalogue(
        Account(elevenlabs, workspace),
        Voices(elevenlabs, ensure, consents, stager, workspace),
        KnowledgeBase(elevenlabs, ensure, stager, workspace),
        Agents(elevenlabs, ensure, ledger, workspace, runs, voiced),
        sessions,
        companions,
        rehearsals,
        retirement,
    )
    return Storykeeper(
        settings,
        offered(settings, tools),
        companions,
        sessions,
        retirement,
        Revoking(engine, planner, workspace, voiced),
        rehearsals,
        elevenlabs,
        engine,
        ensure,
        ledger,
        Interviews(planner, stager),
        key,
    )


def service(settings: Settings) -> ElevenLabs:
    """ElevenLabs, or what stands for it; an embedded sandbox says later where it listens."""
    url = "http://127.0.0.1" if settings.sandbox else address(settings.region, settings.url)
    return ElevenLabs(Link(url, settings.api_key, ca_file=settings.ca_file, pace=pace(settings)))


def usual(settings: Settings) -> Patience:
    """How long the service may take to show what was made there."""
    found = SANDBOX_PATIENCE if settings.workspace == SANDBOX else Patience()
    if not settings.requests_per_second:
        return found
    # A look and then a create may each have waited for a turn before the create left.
    return replace(found, settle=found.settle + 2 * Limits().queueing)


def texts(files: Files, settings: Settings) -> Texts:
    """What reads memories. Its readers and rules are many, and a start needn't wait for them."""
    from storykeeper_tools.provisioning.texts import Texts

    return Texts(files, firestore(settings))


def firestore(settings: Settings) -> Source | None:
    """Where memories are kept that an application keeps, if that is said."""
    if not settings.firestore:
        return None
    from .firestore import Firestore  # few have one

    return Firestore(settings.firestore)


def pace(settings: Settings) -> Pace | None:
    """One for all processes of this machine that share the workspace; each other machine keeps its own."""
    rate = settings.requests_per_second
    return Pace(rate, settings.folder / f"pace-{platform.node()}") if rate else None


def engine_of(settings: Settings, carry: Carry) -> Durable:
    """DBOS, beside the ledger: in the same file, or in a schema of its own on the same server."""
    if settings.database_url:
        return Durable(settings.database_url, carry, f"dbos_{settings.folder.name}")
    return Durable(f"sqlite:///{settings.folder / 'storykeeper.sqlite'}", carry)


def slot(settings: Settings) -> Slot:
    """One worker at a time on a file, several on a server."""
    if settings.database_url:
        return NumberedSlot(postgres.Link(settings.database_url), schema(settings.folder))
    return FileSlot(settings.folder / "worker.lock")


def offered(settings: Settings, tools: tuple[Tool, ...]) -> tuple[Tool, ...]:
    """The tools that the settings leave: all, those of a companion, those that only read."""
    chosen = [t for t in tools if settings.tools == "all" or t.name in COMPANION_TOOLS]
    return tuple(t for t in chosen if not settings.read_only or t.effect in {"reads", "reads here"})


@asynccontextmanager
async def embedded(settings: Settings) -> AsyncGenerator[str]:
    """The workspace's own sandbox on a loopback port; its state outlives the process. Yields the base URL."""
    from .sandbox.app import build  # Starlette and its parts: not needed for the real service
    from .sandbox.serving import serving
    from .sandbox.state import State

    folder = private_folder(settings.folder)
    async with serving(build(State(folder / "elevenlabs.sqlite"))) as url:
        yield url
