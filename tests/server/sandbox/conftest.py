"""Every response of a sandbox in these tests fits the official file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from judged import verdict


@pytest.fixture(autouse=True)
def judged(judge: object) -> Iterator[None]:
    """`judge` skips, or fails in CI, where there is no official file."""
    watching = verdict()
    if watching:
        watching.misfits.clear()
    yield
    if watching:
        assert watching.misfits == []
