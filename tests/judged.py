"""Sandboxes whose every response is judged, for tests that build their own; `verdict` is asserted after each test."""

from __future__ import annotations

from functools import cache
from typing import Any

from starlette.types import ASGIApp

from judge import Judge, JudgedApp, official
from storykeeper_server.sandbox import app
from storykeeper_server.sandbox.state import State


@cache
def verdict() -> Judge | None:
    """The judge of all these sandboxes; None where the official file can't be had."""
    spec = official()
    return Judge(spec) if spec else None


def build(state: State, **options: Any) -> ASGIApp:
    """A sandbox; what is sent to it may be as wrong as a test likes, what it answers may not."""
    sandbox = app.build(state, **options)
    judge = verdict()
    return JudgedApp(sandbox, judge, requests=False) if judge else sandbox
