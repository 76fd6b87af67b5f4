"""`storykeeper doctor`: everything that is wrong, in one answer."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path

import platformdirs

from storykeeper_tools.errors import AuthMissing, StorykeeperError, TimedOut, from_system
from storykeeper_tools.files import Files
from storykeeper_tools.provisioning.schema import NEWEST
from storykeeper_tools.settings import Settings

from .checkup import account, ledger, machine, said
from .checkup.row import Row, refused, worst
from .commands import print_json, print_text, quiet
from .hosts.known import HOSTS
from .wiring import present, settings, wire

DATABASE_SECONDS = 15.0


async def doctor(arguments: argparse.Namespace) -> int:
    """0 where there is no problem; else as the gravest of them."""
    quiet()
    rows = await _examined({"STORYKEEPER_SANDBOX": "1"} if arguments.sandbox else {})
    problems = sum(row.state == "problem" for row in rows)
    if arguments.json:
        shown = [{field: getattr(row, field) for field in Row.__slots__} for row in rows]
        print_json({"problems": problems, "exit": worst(rows), "rows": shown})
    else:
        told = f"{problems} problem{'s' * (problems != 1)}" if problems else "Nothing is wrong"
        print_text("\n".join([*map(str, rows), f"{told}."]))
    return worst(rows)


async def _examined(more: Mapping[str, str]) -> list[Row]:
    chosen, rows = said.readable(lambda blank: settings({**more, **blank}))
    environ = present(*said.ENVIRONMENT)
    rows.insert(0, machine.software(version("storykeeper")))
    rows += _told("settings", lambda: said.choices(chosen, environ))
    rows += _told("home", lambda: machine.home(chosen))
    rows += _told("files", lambda: machine.files(chosen))
    rows += await _at_the_service(chosen, *await _database(chosen))
    rows += _told("extras", lambda: machine.parts(chosen))
    places = {name: (host, host.where(Path.home(), platformdirs.user_config_path())) for name, host in HOSTS.items()}
    return [*rows, *_told("assistants", lambda: machine.assistants(places))]


async def _database(chosen: Settings) -> tuple[Row, bool]:
    """What is to say of it, and whether it can be read as it is."""
    try:
        async with asyncio.timeout(DATABASE_SECONDS):
            tables = await asyncio.to_thread(ledger.version, chosen)
    except TimeoutError:
        return refused("database", TimedOut("it gave no answer", next="see that it is reachable")), False
    except StorykeeperError as error:
        return refused("database", error), False
    return ledger.told(chosen, tables), tables == NEWEST


async def _at_the_service(chosen: Settings, database: Row, legible: bool) -> list[Row]:
    """What needs Storykeeper as it works; the database is only looked into where that changes nothing."""
    keeper = wire(chosen, files=Files())
    if chosen.api_key is None:
        return [database, refused("key", AuthMissing("there is no ElevenLabs key"))]
    try:
        async with keeper.running(work=False):
            known = keeper.ledger.bound(chosen.workspace) if legible else None
            worker = list(ledger.carrying(keeper)) if legible else []
            return [database, *worker, *await account.rows(keeper.elevenlabs, known)]
    except StorykeeperError as error:
        return [database, refused("service", error)]
    except OSError as error:
        return [database, refused("service", from_system(error))]


def _told(check: str, look: Callable[[], Iterable[Row]]) -> list[Row]:
    """A look that fails is a finding, too."""
    try:
        return list(look())
    except StorykeeperError as error:
        return [refused(check, error)]
    except OSError as error:
        return [refused(check, from_system(error))]
