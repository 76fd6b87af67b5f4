"""A yes is to the very recordings that were asked about, whatever a model has planned or a file has become since."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from judged import build, served
from scripted.models import Script, call
from scripted.talk import EXAMPLES, environ, rows, talking
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio
FIRST = EXAMPLES / "dorothy" / "recording.mp3"
ANSWERS = {"consent name": "Ann Byrne", "consent": "yes", "confirm": "yes"}


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """A fresh account."""
    with served(build(State(None), plan="pro")) as url, httpx.Client(base_url=url) as http:
        yield http


def another(path: Path, title: str) -> str:
    """A recording of other bytes: one with a title in it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(FIRST.read_bytes() + b"TAG" + title.encode().ljust(125, b"\0"))
    return str(path)


def clones(http: httpx.Client) -> int:
    seen = http.get("/_sandbox/requests").json()["requests"]
    return sum((one["method"], one["path"]) == ("POST", "/v1/voices/add") for one in seen)


@pytest.mark.parametrize("policy", ["attest", "elicit"])
async def test_a_yes_to_one_recording_is_none_to_another(http: httpx.Client, tmp_path: Path, policy: str) -> None:
    """Two plans of a companion are open; the first is answered, and the other one is asked about still."""
    mine, stolen = another(tmp_path / "files" / "new.mp3", "mine"), another(tmp_path / "files" / "x" / "new.mp3", "x")
    shutil.copy(FIRST, tmp_path / "files" / "first.mp3")
    settings = environ(
        str(http.base_url).rstrip("/"), tmp_path / "home", tmp_path / "files", STORYKEEPER_CONSENT=policy
    )
    make = {"name": "Dorothy", "recordings": [str(tmp_path / "files" / "first.mp3")], "audience": "family"}
    model = Script(turns=[[call("make_companion", **make)]])
    async with talking(model, settings) as talk:
        await talk.say("Make a companion.")
        await talk.through(ANSWERS)
        her = (talk.answers[-1].response or {})["companion"]["companion"]
        talk.anew()
        model.turns = [[call("change_companion", companion=her, recordings=[mine])]]
        await talk.say("Use new.mp3 for her.")
        [asked] = talk.pauses
        model.turns = [[call("change_companion", companion=her, recordings=[stolen])]]
        await talk.say("What does she know about Cork?")
        await talk.answer("yes", asked)
        await talk.through(ANSWERS)
        assert "conflict" in talk.told
        assert (rows(tmp_path / "home")["consents"], clones(http)) == (1, 1)
        talk.anew()
        model.turns = [[call("change_companion", companion=her, recordings=[stolen])]]
        await talk.say("And now?")
        assert [str(pause.id).split()[0] for pause in talk.pauses] == ["consent"]


async def test_recordings_that_change_while_they_are_asked_about_are_not_cloned(
    http: httpx.Client, tmp_path: Path
) -> None:
    """Nor recorded as consented to; a folder that grew has changed, too."""
    folder = tmp_path / "files"
    settings = environ(str(http.base_url).rstrip("/"), tmp_path / "home", folder)
    model = Script()
    async with talking(model, settings) as talk:
        for then in ("a.mp3", "b.mp3"):
            another(folder / "a.mp3", "before")
            talk.anew()
            model.turns = [[call("clone_voice", name="Dorothy", recordings=[str(folder)])]]
            await talk.say("Clone it.")
            assert talk.pauses
            another(folder / then, "after")
            await talk.through(ANSWERS)
            assert "conflict" in talk.told
        assert clones(http) == 0
        talk.anew()
        model.turns = [[call("clone_voice", name="Dorothy", recordings=[str(folder)])]]
        await talk.say("Clone it.")
        await talk.through(ANSWERS)
        assert (rows(tmp_path / "home")["consents"], clones(http)) == (1, 1)


async def test_who_died_by_the_persons_own_words_has_an_executor(http: httpx.Client, tmp_path: Path) -> None:
    """Also where the model says that they live; and the person themselves isn't who agreed to it."""
    make = {"name": "Ruth", "recordings": [str(FIRST)], "relation": "mother", "audience": "family"}
    settings = environ(str(http.base_url).rstrip("/"), tmp_path / "home")
    async with talking(Script(turns=[[call("make_companion", **make)]]), settings) as talk:
        await talk.say(f"Make a companion of my mother Ruth, who died in 2019, from {FIRST}. She agreed.")
        [asked] = talk.pauses
        assert "executor or heir" in str(asked.args)
        await talk.answer("yes")
        await talk.answer("Ruth")
        assert str(talk.pauses[0].id).startswith("consent name again")
