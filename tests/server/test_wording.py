"""At a command line nothing tells anybody to call a tool."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from storykeeper_server.wording import commanded
from storykeeper_tools.errors import kinds

SNAPSHOT = Path(__file__).parent / "tools.json"


@pytest.mark.parametrize(
    ("said", "commands"),
    [
        ("Next: provision_companion(plan_id=plan_1a2b)", "Next: storykeeper provision --plan plan_1a2b"),
        ("Next: record_consent, then provision_companion(plan_id=p_1)", "Next: storykeeper provision --plan p_1"),
        ("get_signed_url(of=ann-1a2b) gives a URL", "storykeeper show ann-1a2b --link gives a URL"),
        ("retire_companion(companion=ann-1, action=resume) ends it", "storykeeper retire ann-1 --resume ends it"),
        (
            "retire_companion(companion=ann-1, action=forget, confirm=x_1) within",
            "storykeeper retire ann-1 --forget --confirm x_1 within",
        ),
        ("not_found · see list_companions, or the list tool of that kind", "not_found · see storykeeper list"),
        ("drift; plan with `overwrite` to change it back", "drift; plan with --overwrite to change it back"),
        ("nothing to say", "nothing to say"),
    ],
)
def test_calls_become_commands(said: str, commands: str) -> None:
    """With their arguments."""
    assert commanded(said) == commands


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
