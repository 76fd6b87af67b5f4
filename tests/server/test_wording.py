"""At a command line nothing tells anybody to call a tool."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from storykeeper_server.wording import commanded, sandboxed
from storykeeper_tools.errors import kinds

SNAPSHOT = Path(__file__).parent / "tools.json"


@pytest.mark.parametrize(
    ("said", "commands"),
    [
        ("Next: provision_companion(plan_id=plan_1a2b)", "Next: storykeeper provision --plan plan_1a2b"),
        ("Next: record_consent, then provision_companion(plan_id=p_1)", "Next: storykeeper provision --plan p_1"),
        ("get_signed_url(of=ann-1a2b) gives a URL", "storykeeper show ann-1a2b --link gives a URL"),
        (
            "get_signed_url(of=ann-1a2b) gives a URL to talk to it",
            "storykeeper talk ann-1a2b opens a page to talk to it",
        ),
        (
            "Next: get_signed_url(of=ann-1a2b) gives a URL to talk to it; in a terminal, `storykeeper talk ann-1a2b` opens a page for that",
            "Next: storykeeper talk ann-1a2b opens a page to talk to it",
        ),
        ("retire_companion(companion=ann-1, action=resume) ends it", "storykeeper retire ann-1 --resume ends it"),
        (
            "retire_companion(companion=ann-1, action=forget, confirm=x_1) within",
            "storykeeper retire ann-1 --forget --confirm x_1 within",
        ),
        ("call rehearse_companion(companion=ann-1) again", "call storykeeper rehearse ann-1 again"),
        ("not_found · see list_companions, or the list tool of that kind", "not_found · see storykeeper list"),
        ("drift; plan with `overwrite` to change it back", "drift; plan with --overwrite to change it back"),
        (
            "read what it said; change it with plan_companion (corrections, memories, wishes), "
            "then rehearse_companion(companion=ann-1a2b)",
            "read what it said; change its companion.yaml and provision that, or say storykeeper provision ann-1a2b "
            "--correction TEXT; then storykeeper rehearse ann-1a2b",
        ),
        ("nothing to say", "nothing to say"),
    ],
)
def test_calls_become_commands(said: str, commands: str) -> None:
    """With their arguments."""
    assert commanded(said) == commands


@pytest.mark.parametrize(
    ("said", "commands"),
    [
        ("Next: provision_companion(plan_id=plan_1a2b)", "Next: storykeeper provision --plan plan_1a2b --sandbox"),
        (
            "retire_companion(companion=ann-1a2b, action=forget, confirm=0a1b) within",
            "storykeeper retire ann-1a2b --forget --confirm 0a1b --sandbox within",
        ),
        ("storykeeper rehearse ann-marie-1a2b asks", "storykeeper rehearse ann-marie-1a2b --sandbox asks"),
        ("storykeeper show ann-1a2b --sandbox", "storykeeper show ann-1a2b --sandbox"),
        ("`storykeeper provision quota` shows", "`storykeeper provision --sandbox quota` shows"),
        ("see storykeeper list", "see storykeeper list --sandbox"),
        ("say storykeeper book notes/ first", "say storykeeper book notes/ first"),
        (
            "get_signed_url(of=ann-1a2b) gives a URL to talk to it",
            "storykeeper talk ann-1a2b --sandbox opens a page to talk to it",
        ),
        (
            "get_signed_url(of=ann-1a2b) gives a URL to talk to it; in a terminal, `storykeeper talk ann-1a2b --sandbox` opens a page for that",
            "storykeeper talk ann-1a2b --sandbox opens a page to talk to it",
        ),
        (
            "storykeeper corrections ann-1a2b --take NUMBER takes one over",
            "storykeeper corrections ann-1a2b --take NUMBER --sandbox takes one over",
        ),
    ],
)
def test_in_the_sandbox_commands_stay_in_it(said: str, commands: str) -> None:
    """Outside of it, nothing that they name is there."""
    token = sandboxed.set(True)
    try:
        assert commanded(said) == commands
    finally:
        sandboxed.reset(token)


@pytest.mark.parametrize("kind", sorted(kinds(), key=lambda kind: kind.code), ids=lambda kind: kind.code)
def test_no_error_sends_anybody_to_a_tool(kind: Any) -> None:
    """By what it usually says comes next."""
    tools = {tool["name"] for tool in json.loads(SNAPSHOT.read_text())}
    assert not tools & set(re.findall(r"\w+", commanded(kind.usual_next)))


@pytest.mark.parametrize("kind", sorted(kinds(), key=lambda kind: kind.code), ids=lambda kind: kind.code)
def test_json_stays_json(kind: Any) -> None:
    """Commands hold nothing that JSON would have to escape."""
    document = {"next": kind.usual_next}
    assert json.loads(commanded(json.dumps(document))) == {"next": commanded(kind.usual_next)}
