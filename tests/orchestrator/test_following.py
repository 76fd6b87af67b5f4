"""What comes next is said in words that a person can say, and ids stay what they are."""

from __future__ import annotations

import re

import pytest

from storykeeper_orchestrator import following, reporting
from storykeeper_tools.companion.language import offered
from storykeeper_tools.errors import Conflict, NeedsConfirm, NeedsConsent, StorykeeperError, Unavailable, kinds

NEXTS = [
    ("get_signed_url(of=dorothy-7f3a) gives a URL to talk to it", "to talk with it, say: a link for dorothy-7f3a"),
    (
        "get_signed_url(of=dorothy-7f3a) gives a URL to talk to it; in a terminal, `storykeeper talk dorothy-7f3a --sandbox` opens a page for that",
        "to talk with it, say: a link for dorothy-7f3a",
    ),
    ("retire_companion(companion=d-7f3a, action=resume) lets people talk to it again", "say: resume d-7f3a"),
    ("retire_companion(companion=d-7f3a, action=forget) deletes it for good", "say: forget d-7f3a"),
    ("rehearse_companion(companion=d-7f3a) asks it what visitors may ask", "say: rehearse d-7f3a"),
    ("delete_resource(id=voice_1) deletes it for good", "say: delete voice_1"),
    (
        "it goes on by itself in a minute, or when retire_companion(companion=d-7f3a, action=forget) is called",
        "it goes on by itself in a minute",
    ),
    (
        "verify the voice in the ElevenLabs dashboard; then call provision_companion(plan_id=plan_1) again",
        "verify the voice in the ElevenLabs dashboard; then say it again",
    ),
    ("wait a little and call again", "wait a little and say it again"),
    ("keep the receipt", "keep the receipt"),
]


@pytest.mark.parametrize(("text", "plain"), NEXTS, ids=[plain for _, plain in NEXTS])
def test_a_call_becomes_what_to_say(text: str, plain: str) -> None:
    """In English; what a person must do elsewhere stands as it is."""
    assert following.plainly(text, "en") == plain


@pytest.mark.parametrize("language", offered())
def test_no_usual_next_names_a_call(language: str) -> None:
    """Of no error, in no language."""
    for text in [text for text, _ in NEXTS] + [kind.usual_next for kind in kinds()]:
        assert not re.search(
            r"\w\(|_companion|_resource|_consent|check_quota|\bcall", following.plainly(text, language)
        ), text


def refused(error: StorykeeperError, head: str) -> str:
    return reporting.refused({"error": error.row(), "head": head, "language": "en"})


def test_an_id_stays_as_it_is_and_a_sentence_ends_once() -> None:
    """Something may be looked up by it."""
    told = refused(Conflict("it is gone.", exists="dorothy-55ed is still being deleted.", next="wait."), "failed")
    assert told == "That didn't work (conflict): it is gone. dorothy-55ed is still being deleted. Next: wait."
    assert "55ed. Nothing was" in refused(Unavailable("no answer of dorothy-55ed", exists="nothing was made"), "waits")


@pytest.mark.parametrize(("error", "head"), [(NeedsConfirm("no"), "declined"), (NeedsConsent("no"), "not_agreed")])
def test_a_no_is_taken_without_a_code(error: StorykeeperError, head: str) -> None:
    """The outcome's row has it, for programs."""
    assert error.code not in refused(error, head)
