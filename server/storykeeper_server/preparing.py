"""`storykeeper prepare`: recordings ranked, and the best of them cut to one to three minutes."""

from __future__ import annotations

import argparse
import asyncio
import shlex
import threading
import time
from collections.abc import Callable

from storykeeper_tools.companion.recordings.thresholds import thresholds
from storykeeper_tools.provisioning.preparing import Preparing, clock, target

from .commands import print_json, print_text, readable, warned
from .terminal import Terminal

_TOLD_SECONDS = 2.0


async def prepare(arguments: argparse.Namespace) -> int:
    """Sends nothing, and needs neither a key nor a companion."""
    out = target(arguments.recordings, arguments.out)
    preparing = Preparing(readable(arguments.recordings), thresholds(warned(arguments).preflight))
    stopped = threading.Event()
    try:
        prepared = await asyncio.to_thread(
            preparing, arguments.recordings, out, force=arguments.force, tell=_telling(Terminal(), stopped)
        )
    finally:
        stopped.set()  # Ctrl-C ends the coroutine; the thread ends when it next tells how far it is
    if arguments.json:
        print_json(prepared.model_dump(mode="json"))
        return 0
    use = f"storykeeper provision --name NAME --audio {shlex.quote(prepared.file)}"
    print_text(f"{prepared}\nUse it instead of the recordings: {use}")
    return 0


def _telling(terminal: Terminal, stopped: threading.Event) -> Callable[[str, float], None]:
    """Tells how far it is, every other second; raises KeyboardInterrupt once somebody had enough."""
    last = time.monotonic()

    def tell(name: str, seconds: float) -> None:
        nonlocal last
        if stopped.is_set():
            raise KeyboardInterrupt
        if time.monotonic() - last > _TOLD_SECONDS:
            last = time.monotonic()
            terminal.say(f"{name}: {clock(seconds)} heard")

    return tell
