"""`storykeeper consent`: who allowed a companion, asked for at a terminal, and taken back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from processes import PATIENCE, Place, place
from stage import call
from storykeeper_server.cli import main
from storykeeper_server.terminal import agrees
from storykeeper_server.wiring import wire
from storykeeper_tools.files import allow
from storykeeper_tools.settings import SANDBOX, Settings
from terminals import ROOT, talk

pytestmark = pytest.mark.anyio
EXAMPLE = ROOT / "examples" / "dorothy"
FILES = ["--name", "Dorothy", "--audio", str(EXAMPLE / "recording.mp3")]
ELICIT = {"STORYKEEPER_CONSENT": "elicit"}


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as here:
        yield here


def ran(here: Place, *arguments: str) -> tuple[int, Any, str]:
    """The exit code, what was printed as JSON, and what was said beside it; nobody is at a terminal."""
    with here.start(*arguments, "--json") as process:
        out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, json.loads(out), err


def planned(here: Place) -> str:
    """Its id. The file's consent block is left out, so that there is none yet."""
    spec = here.home / "companion.yaml"
    spec.write_text(f"subject: {{name: Dorothy}}\nrecordings: [{EXAMPLE / 'recording.mp3'}]\n")
    return here.run("plan", str(spec))["companion"]


def test_a_consent_is_recorded_with_its_evidence_and_its_last_day(here: Place) -> None:
    """Where there was none, the exit code says that somebody must answer; then it is all that provisioning needs."""
    companion = planned(here)
    code, none, _ = ran(here, "consent", companion)
    assert (code, none["covered"], none["consents"]) == (3, False, [])

    letter = here.home / "letter.txt"
    letter.write_text("I agree. Ann.")
    said = ["--kind", "guardian", "--granted-by", "Ann", "--relation", "daughter", "--statement", "She would like it."]
    more = ["--evidence", str(letter), "--expires", "2099-12-31"]
    code, shown, _ = ran(here, "consent", companion, *said, *more)
    [record] = shown["consents"]
    assert (code, shown["covered"], record["standing"], record["granting"]) == (0, True, "holds", "attested")
    assert record["evidence_sha256"] == hashlib.sha256(b"I agree. Ann.").hexdigest()
    assert record["expires_at"] == "2100-01-01 00:00 UTC"
    assert record["recordings"][0]["name"] == "recording.mp3"

    assert here.run("provision", str(here.home / "companion.yaml"), "--yes")["status"] == "done"


def test_what_cannot_be_meant_is_refused(here: Place) -> None:
    """In a sentence that says what is wrong; nothing is recorded."""
    companion = planned(here)
    refused = {
        ("--kind", "self"): "--kind needs --granted-by",
        ("--kind", "self", "--granted-by", "Ann"): "a consent of kind self is Dorothy's own",
        ("--kind", "guardian", "--granted-by", "Ann", "--expires", "soon"): "the consent: expires",
    }
    for options, told in refused.items():
        code, _, err = ran(here, "consent", companion, *options)
        assert (code, told in err) == (4, True), err
    assert ran(here, "consent", companion)[1]["consents"] == []


@pytest.mark.parametrize(
    "options",
    [["--expires", "2027-01-31"], ["--granted-by", "Ann"], ["--confirm", "x"], ["--revoke", "--kind", "self"]],
)
def test_options_that_nobody_would_notice_are_refused(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """An end that isn't recorded is worse than none."""
    with pytest.raises(SystemExit) as left:
        main(["consent", "Dorothy", *options])
    assert (left.value.code, options[0] in capsys.readouterr().err) == (2, True)


@pytest.mark.parametrize(
    ("answer", "yes"),
    [
        *((word, True) for word in ["y", "YES", "Yes!", "Sí.", "si", "ja", "Oui", "sì", "Sim", "是的", "同意。"]),
        *((word, False) for word in ["", "n", "No, never.", "Nein", "I do not agree", "not yet", "nope", "yes, but"]),
        *((word, False) for word in ["Ja, aber", "non", "Não", "no sí", "不同意", "不", "jamás", "maybe", "?"]),
        (None, False),
    ],
)
def test_only_a_plain_yes_is_one(answer: str | None, yes: bool) -> None:
    """In seven languages; whatever else is said is a no."""
    assert agrees(answer) is yes


async def test_a_person_at_a_terminal_answers_in_their_own_words(tmp_path: Path) -> None:
    """Where only that counts, what a file says doesn't; and then it is enough."""
    spec = ["provision", *FILES, "--consent", "self", "--yes"]
    code, seen = await talk(tmp_path, spec, {"(self, Dorothy) [y/N]": "no"}, **ELICIT)
    assert code == 3, seen
    answers = {
        "Are you Dorothy (self)": "self",
        "May the voice of": "Yes.",
        "in your own words": "Gladly, go on.",
        "Is it your yes": "y",
    }
    code, seen = await talk(tmp_path, ["consent", "Dorothy"], answers, **ELICIT)
    assert code == 0, seen
    assert "answered by a person" in seen
    assert "Said at the terminal: Yes. Gladly, go on." in seen
    code, seen = await talk(tmp_path, ["provision", *FILES, "--yes"], {}, **ELICIT)
    assert code == 0, seen


async def test_a_no_at_the_terminal_records_nothing(tmp_path: Path) -> None:
    """Also when it is said last."""
    await talk(tmp_path, ["provision", *FILES], {"Has Dorothy agreed": "no"})
    regret = {"May the voice of": "yes", "in your own words": "No, I would rather not.", "Is it your yes": "no"}
    for said in ({"May the voice of": "No, never."}, regret):
        code, seen = await talk(tmp_path, ["consent", "Dorothy"], {"Are you Dorothy (self)": "self", **said})
        assert code == 3, seen
        assert "  none" in seen


def test_taking_it_back_pauses_first_and_then_forgets(here: Place) -> None:
    """Without a terminal the pause is done and the deleting waits for the token; nothing opens it in between."""
    made = here.run("provision", str(EXAMPLE / "companion.yaml"), "--yes")
    companion = made["companion"]
    code, told, err = ran(here, "consent", companion, "--revoke")
    assert (code, told["status"], told["revoked"], told["paused"]) == (3, "needs_confirm", True, True)
    assert "nobody is let in to it" in err
    agent = here.http.get(f"/v1/convai/agents/{made['agent_id']}", headers={"xi-api-key": "sandbox"}).json()
    assert agent["platform_settings"]["call_limits"]["daily_limit"] == 0
    assert ran(here, "show", companion, "--link")[1]["error"]["code"] == "needs_consent"

    code, told, _ = ran(here, "consent", companion, "--revoke", "--confirm", told["confirm"])
    assert (code, told["status"]) == (0, "forgotten")
    assert {item["gone"] for item in told["receipt"]["items"]} == {True}
    assert here.count() == {"voice": 0, "document": 0, "agent": 0}


async def test_a_voice_on_its_own_is_taken_back_by_its_consents_id(tmp_path: Path) -> None:
    """Paused first; then, typed in full, voice and consent are deleted."""
    settings = Settings(home=tmp_path / "state", sandbox=True, workspace=SANDBOX, api_key="sandbox")
    keeper = wire(settings, files=allow([EXAMPLE]), durable=False)
    async with keeper.running():
        sounds = {"name": "Dorothy", "recordings": [str(EXAMPLE / "recording.mp3")]}
        consent = await call(keeper, "record_consent", kind="self", granted_by="Dorothy", **sounds)
        voice = (await call(keeper, "clone_voice", **sounds)).voice_id
    code, seen = await talk(tmp_path, ["consent", consent.consent_id, "--revoke"], {"Type its id:": voice})
    assert code == 0, seen
    assert f"{voice} is deleted" in seen


def test_a_service_that_is_away_does_not_keep_a_consent(here: Place) -> None:
    """It is taken back here, and the exit code says that the pause is still to come."""
    companion = here.run("provision", str(EXAMPLE / "companion.yaml"), "--yes")["companion"]
    here.http.post("/_sandbox/faults", json={"method": "*", "path": "/v1/*", "kind": "503"}).raise_for_status()
    code, told, err = ran(here, "consent", companion, "--revoke")
    assert (code, told["revoked"], told["paused"]) == (7, True, False)
    assert "isn't paused yet (unavailable)" in err


async def test_at_a_terminal_the_id_is_typed_to_forget(tmp_path: Path) -> None:
    """One command from the yes to nothing."""
    await talk(tmp_path, ["provision", *FILES], {"Has Dorothy agreed": "yes", "Spend 1 voice slot": "y"})
    code, seen = await talk(tmp_path, ["consent", "Dorothy", "--revoke"], {"Type its id:": "dorothy-55ed"})
    assert code == 0, seen
    assert "is forgotten" in seen
