"""The composition root: the one place of the server that reads the environment and puts the parts together."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from storykeeper_tools.account import Account
from storykeeper_tools.agents import Agents
from storykeeper_tools.catalogue import Tool, catalogue
from storykeeper_tools.companions import Companions
from storykeeper_tools.elevenlabs.client import ElevenLabs
from storykeeper_tools.elevenlabs.hosts import address
from storykeeper_tools.elevenlabs.link import Link
from storykeeper_tools.files import Files, allow, private_folder
from storykeeper_tools.knowledge_base import KnowledgeBase
from storykeeper_tools.provisioning.blobs import Blobs
from storykeeper_tools.provisioning.consents import Consents
from storykeeper_tools.provisioning.durable import Durable
from storykeeper_tools.provisioning.engine import Carrying, Engine
from storykeeper_tools.provisioning.ensure import SANDBOX_PATIENCE, Ensure, Patience
from storykeeper_tools.provisioning.journal import Journal
from storykeeper_tools.provisioning.keys import SigningKey
from storykeeper_tools.provisioning.ledger import Ledger
from storykeeper_tools.provisioning.memory import InMemory
from storykeeper_tools.provisioning.planner import Planner
from storykeeper_tools.provisioning.runs import Runs
from storykeeper_tools.provisioning.saga import Provisioning
from storykeeper_tools.provisioning.schema import opened
from storykeeper_tools.provisioning.staging import Stager
from storykeeper_tools.provisioning.worker import Slot, Worker
from storykeeper_tools.provisioning.workspace import Workspace
from storykeeper_tools.sessions import Sessions
from storykeeper_tools.settings import SANDBOX, Settings, read
from storykeeper_tools.voices import Voices

COMPANION_TOOLS = frozenset(
    {
        "check_quota",
        "inspect_recording",
        "record_consent",
        "plan_companion",
        "provision_companion",
        "get_companion",
        "list_companions",
        "get_signed_url",
    }
)


@dataclass(frozen=True, slots=True)
class Storykeeper:
    """Everything, put together and not yet running."""

    settings: Settings
    tools: tuple[Tool, ...]
    companions: Companions
    sessions: Sessions
    elevenlabs: ElevenLabs
    engine: Engine
    ensure: Ensure
    ledger: Ledger

    @asynccontextmanager
    async def running(self, *, work: bool = True) -> AsyncGenerator[None]:
        """With an embedded sandbox if asked for; without `work` it carries no runs. They end before the client closes."""
        async with AsyncExitStack() as stack:
            stack.callback(self.ledger.database.close)
            stack.push_async_callback(self.elevenlabs.link.close)
            if self.settings.sandbox:
                self.elevenlabs.link.base_url = await stack.enter_async_context(embedded(self.settings))
            stack.push_async_callback(self.ensure.stop)
            stack.push_async_callback(self.engine.worker.stop)
            if work:
                self.engine.worker.start()
            yield

    async def stop(self) -> None:
        """Let go of runs, which are written down as far as they came, and let requests under way end for a moment."""
        await self.engine.worker.stop()
        await self.ensure.stop()
        self.ledger.database.close()


def settings(more: Mapping[str, str] | None = None) -> Settings:
    """Settings from the environment, with some variables set otherwise."""
    return read({**os.environ, **(more or {})}, platformdirs.user_data_path("storykeeper"))


def wire(
    settings: Settings,
    *,
    files: Files | None = None,
    elevenlabs: ElevenLabs | None = None,
    patience: Patience | None = None,
    durable: bool = True,
) -> Storykeeper:
    """Put the parts together. What isn't given is as the settings have it; touches neither disk nor network."""
    if elevenlabs is None:
        url = "http://127.0.0.1" if settings.sandbox else address(settings.region, settings.url)
        elevenlabs = ElevenLabs(Link(url, settings.api_key, ca_file=settings.ca_file))
    database = opened(settings.folder)
    key = SigningKey(settings.folder / "consent.key")
    ledger = Ledger(database, Journal(database, key))
    blobs = Blobs(settings.folder / "blobs")
    readable = allow(settings.files, home=Path.home()) if files is None else files
    stager = Stager(readable, blobs)
    consents = Consents(ledger, key, settings.consent)
    workspace = Workspace(settings.workspace, elevenlabs, ledger)
    usual = SANDBOX_PATIENCE if settings.workspace == SANDBOX else Patience()
    ensure = Ensure(elevenlabs, ledger, blobs, patience or usual)
    runs = Runs(database)
    carry = Carrying(runs, ledger, Provisioning(elevenlabs, ensure, consents, workspace))
    carrier = Durable(f"sqlite:///{settings.folder / 'storykeeper.sqlite'}", carry) if durable else InMemory(carry)
    engine = Engine(runs, Worker(runs, Slot(settings.folder / "worker.lock"), carrier))
    planner = Planner(ledger, consents, workspace, engine.running)
    companions = Companions(elevenlabs, engine, planner, stager, consents, workspace)
    sessions = Sessions(elevenlabs, ledger, workspace)
    tools = catalogue(
        Account(elevenlabs, workspace),
        Voices(elevenlabs, ensure, consents, stager, workspace),
        KnowledgeBase(elevenlabs, ensure, stager, workspace),
        Agents(elevenlabs, ensure, ledger, workspace),
        sessions,
        companions,
    )
    return Storykeeper(settings, offered(settings, tools), companions, sessions, elevenlabs, engine, ensure, ledger)


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
