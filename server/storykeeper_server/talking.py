"""`storykeeper talk`: a page to talk to companions, a talk in the terminal, or what a web page embeds."""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import webbrowser
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from socket import socket

from storykeeper_tools.errors import BadInput
from storykeeper_tools.settings import SANDBOX

from .commands import FAREWELL_SECONDS, depart, leaving, opened, print_json
from .embedding import desk_of
from .talk.gallery import Gallery
from .talk.guard import Guard, origin
from .wiring import Storykeeper

_TLS = "put a proxy with TLS before it that checks who visits, and adds `Authorization: Bearer` with one of the tokens"


async def talk(arguments: argparse.Namespace) -> int:
    """The page until somebody signals; or a talk; or a snippet."""
    if arguments.embed:
        return await _embed(arguments)
    if arguments.terminal:
        from .speaking import speak  # which needs no page

        return await speak(arguments)
    leave = leaving()
    async with _served(arguments) as url:
        shown = f"{url}/c/{arguments.companion}" if arguments.companion else f"{url}/"
        if arguments.json:
            print_json({"url": shown})
        else:
            print(shown)
        sys.stdout.flush()  # whoever reads along through a pipe waits for it
        print("Ctrl-C ends it.", file=sys.stderr, flush=True)
        if arguments.open:
            await asyncio.to_thread(webbrowser.open, shown)
        await leave.wait()
        # Visitors who are still talking aren't waited for, and there is nothing to lose.
        asyncio.get_running_loop().call_later(FAREWELL_SECONDS, depart, 0)
    return 0


@asynccontextmanager
async def _served(arguments: argparse.Namespace) -> AsyncGenerator[str]:
    """The page's address, as long as it is there."""
    from .listening import listener
    from .talk.app import build  # Starlette: not needed to talk in the terminal
    from .talk.pictures import albums
    from .talk.serving import origins, serving

    async with opened(arguments) as keeper:
        arguments.companion = _meant(keeper, arguments.companion)
        shown = albums(arguments.album, arguments.companion, [c.id for c in keeper.ledger.companions()])
        _check_public(arguments, keeper)
        with listener(arguments.host, arguments.port, "--port") as listening:
            own = origins(arguments.host, listening.getsockname()[1])
            guard = _guard(arguments, keeper, own)
            gallery = Gallery(
                keeper.companions,
                desk_of(keeper),
                shown,
                sandbox=keeper.settings.workspace == SANDBOX,
                only=arguments.companion,
            )
            async with serving(build(gallery, guard, keeper.elevenlabs.link.base_url), listening):
                yield origin(arguments.origin[0]) if arguments.origin else _address(listening)


def _meant(keeper: Storykeeper, companion: str) -> str:
    """Its id, where a companion is named. Raises NotFound for one that isn't there."""
    return keeper.companions.planner.known(companion).id if companion else ""


def _guard(arguments: argparse.Namespace, keeper: Storykeeper, own: frozenset[str]) -> Guard:
    public = frozenset(map(origin, arguments.origin))
    return Guard(public or own, keeper.settings.talk_tokens, closed=_public(arguments))


def _public(arguments: argparse.Namespace) -> bool:
    return bool(arguments.origin) or arguments.host not in {"127.0.0.1", "localhost"}


def _check_public(arguments: argparse.Namespace, keeper: Storykeeper) -> None:
    """Others than this machine's own people are only let in by somebody who checks them."""
    strange = [one for one in arguments.origin if not re.fullmatch(r"https://[a-z0-9.-]+(:\d{1,5})?", one)]
    if strange:
        raise BadInput(
            "--origin is no address such as https://talk.example.org", next="write it like that, without a path"
        )
    if not _public(arguments):
        return
    if not keeper.settings.talk_tokens:
        raise BadInput(
            "whoever can reach that address could talk, on your bill", next=f"set STORYKEEPER_TALK_TOKENS; {_TLS}"
        )
    if not arguments.origin:
        raise BadInput("it isn't said where visitors find the page", next=f"add --origin https://YOUR.ADDRESS; {_TLS}")


def _address(listening: socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


async def _embed(arguments: argparse.Namespace) -> int:
    from .talk.embedding import snippet

    async with opened(arguments) as keeper:
        known = keeper.companions.planner.known(arguments.companion)
        print(snippet(arguments.embed, known.id, known.name), end="")
    return 0
