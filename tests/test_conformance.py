"""The official conformance suite judges the server: all that a revision requires, with fixtures on top of what we ship;
and what it asks of any server, without."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import referees
from conformance.suite import judged
from listening import listening
from outside import Show, have

pytestmark = pytest.mark.anyio
REVISIONS = ["2025-11-25", "2026-07-28"]
EXPECTED = Path(__file__).parent / "conformance" / "expected_failures.toml"
# What is asked of any server, whatever it offers. A few more pass without their fixtures, since they only look for an
# error; those are no proof, and aren't here.
ANY_SERVER = {
    "2025-11-25": {
        "dns-rebinding-protection",
        "ping",
        "prompts-list",
        "resources-list",
        "server-initialize",
        "server-session-lifecycle",
        "server-sse-multiple-streams",
        "tools-list",
    },
    "2026-07-28": {
        "caching",
        "dns-rebinding-protection",
        "http-header-validation",
        "input-required-result-unsupported-methods",
        "prompts-list",
        "resources-list",
        "sep-2164-resource-not-found",
        "server-sse-multiple-streams",
        "server-stateless",
        "tools-list",
    },
}


@pytest.fixture(autouse=True)
def _there() -> None:
    have(referees.missing())


@pytest.mark.parametrize("revision", REVISIONS)
async def test_all_that_a_revision_requires_is_kept(tmp_path: Path, record_property: Show, revision: str) -> None:
    """The suite's own frozen list; what fails beside it is known, with its reason."""
    async with listening(tmp_path, "conformance.serving") as url:
        verdict = await judged(url, tmp_path / "found", "--requirements", revision)
    record_property("session", f"required by {revision}, with fixtures\n{verdict}")

    assert verdict.code == 0
    assert len(verdict.found) >= len(ANY_SERVER[revision])
    expected = tomllib.loads(EXPECTED.read_text(encoding="utf-8"))[revision]
    assert {name for name, each in verdict.found.items() if each.told("FAILURE")} == set(expected)
    assert all(name.startswith("tasks-") and reason for name, reason in expected.items())


@pytest.mark.parametrize("revision", REVISIONS)
async def test_what_any_server_has_to_do_the_bare_one_does(
    tmp_path: Path, record_property: Show, revision: str
) -> None:
    """`storykeeper mcp --http`, as people start it."""
    async with listening(tmp_path) as url:
        verdict = await judged(url, tmp_path / "found", "--suite", "all", "--spec-version", revision)
    asked = {name: each for name, each in verdict.found.items() if name in ANY_SERVER[revision]}
    record_property("session", f"asked of any server by {revision}\n" + "\n".join(map(str, asked.values())))

    assert asked.keys() == ANY_SERVER[revision]
    assert {name: each.failed for name, each in asked.items() if each.failed} == {}
    assert all(each.told("SUCCESS") for each in asked.values())
