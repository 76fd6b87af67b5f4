"""What each command does. Every command opens Storykeeper, calls tools, and prints one result."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncGenerator, Coroutine, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from storykeeper_tools.companion.recordings.origin import ENDING
from storykeeper_tools.companion.spec import Spec
from storykeeper_tools.companion.written import read
from storykeeper_tools.errors import AuthMissing, BadInput, UpstreamError
from storykeeper_tools.files import Files, allow, everything, existing
from storykeeper_tools.provisioning.database import OutOfReach
from storykeeper_tools.provisioning.plan import Draft
from storykeeper_tools.settings import Settings

from .reporting import sending
from .starting import unswept
from .terminal import described
from .wiring import Storykeeper, settings, wire
from .wording import commanded, visible

ENDED = "the sandbox ended with this command, so its signed_url opens nothing any more; `talk` does"
STILL_GOING = 7
DAMAGED = 1
LONGEST_WAIT = 600.0
FAREWELL_SECONDS = 1.5
_LAST_WORDS = 0.3


async def plan(arguments: argparse.Namespace) -> int:
    specs = [written.spec for written in read(arguments.files)]
    named = [p for spec in specs for p in (*spec.recordings, *spec.memories)]
    async with opened(arguments, named) as keeper:
        drafts = [(spec, await keeper.companions.plan_companion(spec, overwrite=arguments.overwrite)) for spec in specs]
        if arguments.json:
            found = [_planned(spec, draft) for spec, draft in drafts]
            print_json(found[0] if len(found) == 1 else found)
        else:
            print_text("\n".join(_told(spec, draft) for spec, draft in drafts))
    return 0


async def list_companions(arguments: argparse.Namespace) -> int:
    async with opened(arguments) as keeper:
        found = await keeper.companions.list_companions()
        if arguments.json:
            print_json(found.model_dump(mode="json"))
        else:
            print_text(found)
    return 0


async def show(arguments: argparse.Namespace) -> int:
    async with opened(arguments) as keeper:
        view = await keeper.companions.get_companion(arguments.companion, arguments.about)
        link = await keeper.sessions.get_signed_url(view.companion) if arguments.link else None
        view.warnings += [ENDED] if link and keeper.settings.sandbox else []
        if arguments.json:
            signed = {"signed_url": link.signed_url, "expires_at": link.expires_at} if link else {}
            print_json({**view.model_dump(mode="json"), **signed})
        else:
            print_text("\n".join([*view.memories, described(view, link, embedded=keeper.settings.sandbox)]))
    return 0


async def worker(arguments: argparse.Namespace) -> int:
    """Carry this workspace's runs until told to go."""
    async with opened(arguments, work=True) as keeper:
        keeper.engine.runs.unfinished()  # a database that can't be used is told now, rather than waited for
        await _check_key(keeper)
        print(
            f"Carrying what is to be done in the workspace '{keeper.settings.workspace}'; Ctrl-C ends it.",
            file=sys.stderr,
        )
        await signalled()
        if not await let_go(keeper):
            depart(0)  # the engine's threads wait for a database that is away; what there is to lose is written down
    return 0


async def _check_key(keeper: Storykeeper) -> None:
    """A worker that could do nothing says so now; one that can't reach the service waits for it."""
    if keeper.settings.api_key is None:
        raise AuthMissing("there is no ElevenLabs key")
    with contextlib.suppress(UpstreamError):
        await keeper.companions.workspace.check()


async def verify(arguments: argparse.Namespace) -> int:
    """Whether the journal and the receipts are as they were written."""
    async with opened(arguments) as keeper:
        faults = [*keeper.ledger.journal.verify(), *keeper.retirement.receipts.verify()]
        if arguments.json:
            print_json({"intact": not faults, "faults": [fault.model_dump() for fault in faults]})
        else:
            print("\n".join(map(str, faults)) or "The journal and the receipts are as they were written.")
    return DAMAGED if faults else 0


async def mcp(arguments: argparse.Namespace) -> int:
    """Serve until the client goes. Nothing but protocol may reach stdout, so prints are led to stderr."""
    with unswept(), contextlib.redirect_stdout(sys.stderr):
        from .mcp.app import build  # the SDK, half a second that other commands needn't wait for
        from .mcp.prompts import prompts
        from .mcp.resources import resources
        from .mcp.sealing import sealed
        from .mcp.shelf import Shelf
        from .talk import embedding

    more = {"STORYKEEPER_READ_ONLY": "1"} if arguments.read_only else {}
    chosen = warned(arguments, more)
    quiet()
    if arguments.workers > 1:
        from .hosting import host_several  # as below

        return await host_several(arguments, chosen, leaving())
    keeper = wire(chosen)

    @contextlib.asynccontextmanager
    async def running(_: object) -> AsyncGenerator[None]:
        with contextlib.redirect_stdout(sys.stderr):
            async with keeper.running():
                yield

    with unswept():
        shelf = Shelf(keeper.companions, keeper.retirement.receipts)
        offered = prompts(keeper.interviews, shelf), resources(embedding.SNIPPETS, embedding.text)
        security = sealed(keeper.key) if arguments.http else None
        server = build(keeper.tools, running, version("storykeeper"), *offered, security=security, shelf=shelf)
    if arguments.http:
        from .hosting import host  # what serves HTTP, which most hosts never ask for

        return await host(arguments, keeper, server, leaving())
    return await _until_signalled(server.run_stdio_async(), keeper)


async def _until_signalled(serving: Coroutine[Any, Any, None], keeper: Storykeeper) -> int:
    """Serve until the client goes, or somebody signals."""
    tasks = asyncio.ensure_future(serving), asyncio.ensure_future(signalled())
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    if not tasks[1].done():
        tasks[1].cancel()
        await tasks[0]
        return 0
    await let_go(keeper)
    # The SDK waits for its reader, and that one for a line that may never come. What there is to lose is written down.
    return depart(128 + signal.SIGINT)


async def let_go(keeper: Storykeeper) -> bool:
    """Whether all has been let go of in time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FAREWELL_SECONDS):
            await keeper.stop()
            return True
    return False


def depart(code: int) -> NoReturn:
    """At once, but for what is still to be told."""
    sending.close(_LAST_WORDS)
    os._exit(code)


async def signalled() -> None:
    """Until somebody says that it is time to go."""
    await leaving().wait()


def leaving() -> asyncio.Event:
    """Set once somebody says that it is time to go; from now on a signal does nothing else."""
    leave = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, leave.set)
    return leave


async def sandbox(arguments: argparse.Namespace) -> int:
    """Serve until interrupted. What is said comes on stderr, the address once there is somebody to answer."""
    from .sandbox.app import build
    from .sandbox.control.console import greeting
    from .sandbox.serving import serve
    from .sandbox.state import State
    from .sandbox.switches import Switches, turned

    switches = turned(Switches(), dict(arguments.switch))
    keys = arguments.key or ["sandbox"]
    try:
        state = State(Path(arguments.state) if arguments.state else None)
    except sqlite3.Error as error:
        raise BadInput(
            f"{arguments.state} holds no state of a sandbox", next="name another file with --state"
        ) from error
    except OSError as error:
        raise BadInput(
            f"{arguments.state} can't be written: {error.strerror}", next="name another file with --state"
        ) from error
    app = build(state, keys=keys, plan=arguments.plan, switches=switches, faults=arguments.fault)

    def listening(url: str) -> None:
        print(
            greeting(url, arguments.plan, len(keys), arguments.state, switches, arguments.fault),
            file=sys.stderr,
            flush=True,
        )

    try:
        await serve(app, arguments.port, listening=listening)
    except OSError as error:
        raise BadInput(f"port {arguments.port} can't be used", next="choose another one with --port") from error
    return 0


# Opening


def warned(arguments: argparse.Namespace, more: Mapping[str, str] | None = None) -> Settings:
    """The settings, with their warnings told."""
    chosen = settings({**({"STORYKEEPER_SANDBOX": "1"} if arguments.sandbox else {}), **(more or {})})
    for warning in chosen.warnings:
        print(f"storykeeper: {warning}", file=sys.stderr)
    return chosen


@contextlib.asynccontextmanager
async def opened(
    arguments: argparse.Namespace, named: list[str] | None = None, *, work: bool = False
) -> AsyncGenerator[Storykeeper]:
    """Storykeeper, allowed to read the working directory and what is named. With `work` it carries runs, too."""
    quiet()
    keeper = wire(warned(arguments), files=readable(named or []))
    async with keeper.running(work=work):
        if work:
            with contextlib.suppress(OutOfReach):  # which a worker waits for; what is damaged stops it here
                keeper.ledger.database.version()
        yield keeper


def readable(named: list[str]) -> Files:
    """The working directory, unless that is all of the disk or home, and what was named if it exists; with what says
    where a cut comes from."""
    here, home = Path.cwd(), Path.home()
    found = (existing(Path(path + more)) for path in named for more in ("", ENDING))
    folders = [path for path in found if path and os.path.exists(path)]
    if not everything(here, home):
        folders.append(here)
    return allow(folders, base=here, home=home)


def quiet() -> None:
    """httpx logs every URL, and a signed one is a credential."""
    logging.getLogger("httpx").setLevel(logging.WARNING)


# Printing


def _told(spec: Spec, draft: Draft) -> str:
    return f"{draft}\nThe file says whose consent there is." if spec.consent and draft.questions else str(draft)


def _planned(spec: Spec, draft: Draft) -> dict[str, Any]:
    shown = draft.model_dump(mode="json")
    return {"spec": spec.model_dump(mode="json"), **shown}


def print_text(text: object) -> None:
    """A result as a person reads it."""
    print(visible(commanded(str(text))))


def print_json(document: Any) -> None:
    print(commanded(json.dumps(document, ensure_ascii=False, indent=2)))
