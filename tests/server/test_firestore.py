"""Memories in Firestore, read through Google's own library from a fake of Firestore (tests/fake_firestore.py)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("google.cloud.firestore", reason="needs the extra: pip install 'storykeeper[firestore]'")

import grpc
from google.cloud.firestore_v1 import GeoPoint

from fake_firestore import Fake, serving
from judge import Judge
from processes import place
from stage import EXAMPLE, Stage, open_stage
from storykeeper_server.firestore import Firestore
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.errors import BadInput, NotFound, StorykeeperError, TimedOut, Unavailable

PLACE = "a-project/memories"
CORK = {"text": "Dorothy was born in Cork.", "title": "Cork", "date": "1941", "people": ["Dorothy"], "places": ["Cork"]}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[Fake]:
    """A Firestore, where Google's library looks for it."""
    with serving() as fake:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", fake.address)
        yield fake


def rows(place: str = PLACE, id: str = "dorothy", **more: Any) -> list[dict[str, Any]]:
    """What is read, as the one file of JSON that it is."""
    [file] = Firestore(place, **more).read(id).files
    return json.loads(file.data)


# Where memories may stand


def test_items_of_a_subcollection_are_read_page_by_page(fake: Fake) -> None:
    """All of them, in the order of their ids, with these ids."""
    items = {f"memories/dorothy/items/{n:04}": {"text": f"Memory {n}."} for n in range(250)}
    fake.documents = {"memories/dorothy": {}, "memories/tom/items/1": {"text": "Tom's."}, **items}
    assert rows() == [{"id": f"{n:04}", "text": f"Memory {n}."} for n in range(250)]
    assert fake.calls == ["get", "query", "query", "query"]


def test_a_list_is_read_whatever_its_entries_are(fake: Fake) -> None:
    """Texts and records; an id only where an entry has one of its own, since places in a list change."""
    fake.documents = {"memories/dorothy": {"memories": ["She sang.", CORK | {"id": "m1"}], "owner": "uid-1"}}
    found = Firestore(PLACE).read("dorothy")
    assert json.loads(found.files[0].data) == [{"text": "She sang."}, CORK | {"id": "m1"}]
    assert found.left_out == ["dorothy.owner"]


@pytest.mark.parametrize("fields", [CORK, {"born": 1941, "home": "Cork"}])
def test_a_document_may_be_a_memory_itself(fake: Fake, fields: dict[str, Any]) -> None:
    """Its text, or what its fields say."""
    fake.documents = {"memories/dorothy": fields}
    assert rows() == [{"id": "dorothy", **fields}]


def test_all_three_are_read_where_there_are_all_three(fake: Fake) -> None:
    """Nothing that is a memory is passed over."""
    own = {"text": "One.", "stories": ["Two."]}
    fake.documents = {"memories/dorothy": own, "memories/dorothy/items/x": {"text": "Three."}}
    assert [row["text"] for row in rows()] == ["One.", "Two.", "Three."]


def test_items_may_belong_to_a_document_that_does_not_exist(fake: Fake) -> None:
    """As Firestore allows."""
    fake.documents = {"memories/dorothy/items/x": {"text": "Hello."}}
    assert rows() == [{"id": "x", "text": "Hello."}]


@pytest.mark.parametrize(
    ("place", "path"),
    [("a-project", "memories"), ("a-project/people", "people"), ("a-project/archive/people", "people")],
)
def test_the_setting_names_project_database_and_collection(fake: Fake, place: str, path: str) -> None:
    """The usual database and `memories`, unless it says otherwise."""
    fake.documents = {f"{path}/dorothy": CORK}
    assert rows(place)[0]["text"] == CORK["text"]


# What stands in them


def test_what_json_can_not_say_is_left_out_and_named(fake: Fake) -> None:
    """Times are told as ISO has them; a date is a day."""
    when = datetime(1947, 3, 3, 12, 30, tzinfo=UTC)
    odd = {"photo": b"jpeg", "where": GeoPoint(51.9, -8.5), "worth": float("nan")}
    plain = {"text": "Hello.", "n": 1, "sure": True, "nested": {"deep": [{"x": 1.5}]}}
    fake.documents = {"memories/dorothy/items/x": {**plain, **odd, "nothing": None, "date": when, "created": when}}
    found = Firestore(PLACE).read("dorothy")
    assert json.loads(found.files[0].data) == [
        {"id": "x", **plain, "date": "1947-03-03", "created": "1947-03-03T12:30:00+00:00"}
    ]
    assert sorted(found.left_out) == [
        "dorothy/items/x.photo (bytes)",
        "dorothy/items/x.where (GeoPoint)",
        "dorothy/items/x.worth (float)",
    ]


@pytest.mark.parametrize(("limit", "value"), [("most", 2), ("most_bytes", 60)])
def test_more_than_can_be_taken_is_refused_and_never_cut(fake: Fake, limit: str, value: int) -> None:
    """It says what to do."""
    fake.documents = {f"memories/dorothy/items/{n}": {"text": "Hello."} for n in range(3)}
    with pytest.raises(BadInput, match="more memories") as refused:
        rows(**{limit: value})
    assert "divide" in refused.value.next


# What goes wrong


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("PERMISSION_DENIED", "missing_permission"),
        ("UNAUTHENTICATED", "auth_invalid"),
        ("NOT_FOUND", "not_found"),
        ("FAILED_PRECONDITION", "not_found"),
        ("RESOURCE_EXHAUSTED", "quota_exceeded"),
        ("DEADLINE_EXCEEDED", "timed_out"),
        ("INTERNAL", "unexpected_answer"),
        ("INVALID_ARGUMENT", "unexpected_answer"),
    ],
)
def test_a_refusal_is_told_in_our_words(fake: Fake, status: str, code: str) -> None:
    """With something to do, and without Google's words, which name projects."""
    fake.documents = {"memories/dorothy": CORK}
    fake.refusals = [grpc.StatusCode[status]]
    with pytest.raises(StorykeeperError) as refused:
        rows()
    assert (refused.value.code, len(fake.calls)) == (code, 1)
    assert "secret-project" not in str(refused.value)
    assert "ElevenLabs" not in str(refused.value)


def test_what_is_away_for_a_moment_is_asked_again(fake: Fake) -> None:
    """Each page by itself."""
    fake.documents = {"memories/dorothy": CORK}
    fake.refusals = [grpc.StatusCode.UNAVAILABLE]
    assert rows()[0]["text"] == CORK["text"]


def test_a_firestore_that_is_away_is_not_waited_for_longer_than_said(fake: Fake) -> None:
    """It says so."""
    fake.refusals = [grpc.StatusCode.UNAVAILABLE] * 100
    with pytest.raises(Unavailable):
        rows(seconds=0.5)


def test_a_firestore_that_is_silent_is_not_waited_for_longer_than_said(fake: Fake) -> None:
    """It says so."""
    fake.silent = True
    with pytest.raises(TimedOut):
        rows(seconds=0.5)


@pytest.mark.parametrize(("documents", "error"), [({}, NotFound), ({"memories/dorothy": {}}, BadInput)])
def test_nothing_under_an_id_is_said(fake: Fake, documents: dict[str, Any], error: type[StorykeeperError]) -> None:
    """Rather than a companion that knows nothing."""
    fake.documents = documents
    with pytest.raises(error):
        rows()


@pytest.mark.parametrize("id", ["", ".", "..", "a/b", "../tom", "__all__", "a\nb", "a\0b", "x" * 2000])
def test_an_id_can_name_nothing_else(fake: Fake, id: str) -> None:
    """Nothing is asked for."""
    with pytest.raises(BadInput):
        Firestore(PLACE).read(id)
    assert fake.calls == []


def test_without_credentials_it_says_how_to_get_some(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing but this machine is asked for them."""
    monkeypatch.delenv("FIRESTORE_EMULATOR_HOST", raising=False)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    with pytest.raises(StorykeeperError) as refused:
        rows()
    assert refused.value.code == "auth_missing"
    assert "GOOGLE_APPLICATION_CREDENTIALS" in refused.value.next


def test_without_the_library_it_says_what_to_install() -> None:
    """An installation without the extra: a process in which it can't be imported."""
    code = (
        "import sys; sys.modules['google.cloud.firestore'] = None\n"
        "from storykeeper_server.firestore import Firestore\n"
        "try: Firestore('a-project').read('dorothy')\n"
        "except Exception as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install 'storykeeper[firestore]'" in said


# A companion of them


def wish(**more: Any) -> Wish:
    said = {"subject": {"name": "Dorothy"}, "recordings": [str(EXAMPLE / "recording.mp3")], "memory_id": "dorothy"}
    return Wish.model_validate(said | more)


def told(stage: Stage) -> str:
    """What the documents that were sent say, together."""
    sent = [body for method, path, body in stage.faults.bodies if (method, path.rpartition("/")[2]) == ("POST", "text")]
    return "\n".join(json.loads(body)["text"] for body in sent)


@pytest.mark.anyio
async def test_a_companion_is_made_from_them_and_follows_them(fake: Fake, judge: Judge, tmp_path: Path) -> None:
    """Beside files; planned again, what was corrected there is a change, and what is as it was is none."""
    fake.documents = {"memories/dorothy": {"memories": [CORK, {"text": "She worked in a bakery."}]}}
    (tmp_path / "sundays.md").write_text("# Sundays\n\nOn Sundays they walked to the sea.\n")
    async with open_stage(judge, tmp_path, settings={"firestore": PLACE}) as stage:
        plan = await stage.call("plan_companion", spec=wish(memories=["sundays.md"]))
        await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
        view = await stage.call("provision_companion", plan_id=plan.plan_id)
        text = told(stage)
        same = await stage.call("plan_companion", spec=wish(memories=["sundays.md"]))
        fake.documents["memories/dorothy"]["memories"][1] = {"text": "She worked in a bakery for thirty years."}
        other = await stage.call("plan_companion", spec=wish(memories=["sundays.md"]))

    assert view.status == "done"
    assert all(words in text for words in ("born in Cork", "in a bakery", "walked to the sea"))
    assert {step.action for step in same.steps} == {"keep"}
    changes = [step.action for step in other.steps if step.kind == "document"]
    assert sorted(changes) == ["create", "delete", "keep"]


@pytest.mark.anyio
async def test_without_a_setting_an_id_is_refused(judge: Judge, tmp_path: Path) -> None:
    """It says which setting, and nothing is read."""
    async with open_stage(judge, tmp_path) as stage:
        with pytest.raises(BadInput) as refused:
            await stage.call("plan_companion", spec=wish())
    assert "STORYKEEPER_FIRESTORE" in refused.value.next


def test_the_command_line_takes_an_id(fake: Fake, tmp_path: Path) -> None:
    """In place of files."""
    fake.documents = {"memories/dorothy": {"memories": [CORK]}}
    asked = ("--name", "Dorothy", "--audio", str(EXAMPLE / "recording.mp3"), "--memory-id", "dorothy")
    with place(tmp_path, STORYKEEPER_FIRESTORE=PLACE, FIRESTORE_EMULATOR_HOST=fake.address) as here:
        made = here.run("provision", *asked, "--consent", "self", "--yes")
    assert (made["status"], len(made["documents"])) == ("done", 1)
