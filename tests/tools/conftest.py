"""What the tests of the tools share: an address that costs its start once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from judged import served
from stage import Front


@pytest.fixture(scope="session")
def front() -> Iterator[Front]:
    """A server on a loopback port, whose sandbox each test puts there."""
    front = Front()
    with served(front) as front.url:
        yield front
