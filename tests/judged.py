"""Sandboxes whose every response is judged, for tests that build their own; `verdict` is asserted after each test."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from queue import Queue
from typing import Any

import anyio
import anyio.to_thread
from starlette.types import ASGIApp

import canary
from judge import Judge, JudgedApp, official
from storykeeper_server.sandbox import app
from storykeeper_server.sandbox.serving import serving
from storykeeper_server.sandbox.state import State


@cache
def verdict() -> Judge | None:
    """The judge of all these sandboxes; None where the official file can't be had."""
    spec = official()
    return Judge(spec) if spec else None


def build(state: State, **options: Any) -> ASGIApp:
    """A sandbox; what is sent to it may be as wrong as a test likes, what it answers may not."""
    keys = options.get("keys", ["sandbox"])
    options["keys"] = [*keys, canary.KEYS[1]] if "sandbox" in keys else keys
    sandbox = app.build(state, **options)
    judge = verdict()
    return JudgedApp(sandbox, judge, requests=False) if judge else sandbox


@contextmanager
def served(app: ASGIApp) -> Iterator[str]:
    """Serve from another thread, because the synchronous client blocks this one."""
    address: Queue[str] = Queue()
    enough = threading.Event()

    async def run() -> None:
        async with serving(app) as url:
            address.put(url)
            await anyio.to_thread.run_sync(enough.wait)

    thread = threading.Thread(target=anyio.run, args=(run,))
    thread.start()
    try:
        yield address.get(timeout=60)
    finally:
        enough.set()
        thread.join()
