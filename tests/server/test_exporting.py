"""`storykeeper export`: one archive that holds everything, leads nowhere, and can be applied again."""

from __future__ import annotations

import hashlib
import json
import re
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from processes import Place, place
from stage import EXAMPLE, Stage
from storykeeper_tools.companion.memories.documents import documents
from storykeeper_tools.companion.memories.item import Item
from storykeeper_tools.companion.memories.provenance import entry
from storykeeper_tools.companion.memories.reading.files import read
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.provisioning.archived import safe, scrubbed, unlike
from storykeeper_tools.provisioning.exporting import Exporting
from storykeeper_tools.provisioning.retold import retold

SPEC = {
    "subject": {"name": "=cmd|' /C calc'!A0 ../x", "relation": "grandmother"},
    "recordings": [str(EXAMPLE / "recording.mp3")],
    "memories": [str(EXAMPLE / "memories")],
    "corrections": ["She was born in 1941, not 1940."],
    "consent": {"kind": "guardian", "granted_by": "Ann", "expires": "2099-12-31", "statement": "Yes."},
}


@dataclass
class Made:
    """A companion that is made, with a name that would like to be a path and a formula."""

    here: Place
    companion: str

    def export(self, name: str, *options: str) -> Any:
        return self.here.run("export", self.companion, "--out", str(self.here.home / name), *options)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    home = tmp_path_factory.mktemp("export")
    with place(home) as here:
        spec = home / "companion.yaml"
        spec.write_text(yaml.safe_dump(SPEC))
        yield Made(here, here.run("provision", str(spec), "--yes")["companion"])


@pytest.fixture(scope="module")
def listing(made: Made) -> Any:
    """What the command printed."""
    return made.export("one.zip")


@pytest.fixture
def archive(made: Made, listing: Any) -> Path:
    assert listing["archive"] == str(made.here.home / "one.zip")
    return made.here.home / "one.zip"


def files(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_the_listing_tells_what_is_in_it(listing: Any, archive: Path) -> None:
    """Each file with its size and sha256, as the manifest has it."""
    found = files(archive)
    manifest = json.loads(found.pop("manifest.json"))
    assert listing["files"] == manifest["files"]
    assert {row["name"]: (row["bytes"], row["sha256"]) for row in listing["files"]} == {
        name: (len(data), hashlib.sha256(data).hexdigest()) for name, data in found.items()
    }
    assert (listing["missing"], manifest["missing"]) == ([], [])


def test_it_holds_everything(archive: Path) -> None:
    """The recording to the byte, the memories as they were sent and as files, and what was agreed, planned and done."""
    found = files(archive)
    assert found["recordings/01-recording.mp3"] == (EXAMPLE / "recording.mp3").read_bytes()
    assert {name for name in found if name.startswith("memories/")} == {
        f"memories/{path.name}" for path in (EXAMPLE / "memories").iterdir()
    }
    sent = [data for name, data in sorted(found.items()) if name.startswith("documents/")]
    planned = json.loads(found["plan.json"])["made_from"]["memories"]
    assert [hashlib.sha256(data).hexdigest() for data in sent] == [memory["sha256"] for memory in planned]
    [record] = json.loads(found["consent.json"])["records"]
    assert (record["record"]["granted_by"], len(record["signature"])) == ("Ann", 64)
    made = {(row["kind"], row["state"]) for row in json.loads(found["resources.json"])["resources"]}
    assert made == {("voice", "made"), ("document", "made"), ("agent", "made")}
    assert json.loads(found["agent.json"])["platform_settings"]["auth"]["enable_auth"] is True
    assert json.loads(found["plan.json"])["made_from"]["spec"]["corrections"] == SPEC["corrections"]
    readme = found["README.txt"].decode()
    assert all(name.partition("/")[0] in readme for name in found if name != "README.txt")


def test_its_journal_can_be_followed_without_us(archive: Path) -> None:
    """By what the README says: each hash is made of the one before it and the entry; a change breaks the chain."""

    def follows(lines: list[dict[str, Any]]) -> bool:
        last = "0" * 64
        for line in lines[:-1]:
            last = hashlib.sha256(f"{last}|{line['body']}".encode()).hexdigest()
            if last != line["hash"]:
                return False
        return (lines[-1]["entries"], lines[-1]["hash"]) == (len(lines) - 1, last)

    lines = [json.loads(line) for line in files(archive)["journal.jsonl"].splitlines()]
    assert len(lines) > 10
    assert follows(lines)
    assert not follows(lines[:-2] + lines[-1:])
    assert not follows([{**lines[0], "body": lines[0]["body"].replace("consent", "gone")}, *lines[1:]])


def test_no_key_no_link_and_no_path_is_in_it(made: Made, archive: Path) -> None:
    """Nor a name that makes a path or a formula; for its owner only."""
    found = files(archive)
    everything = b"\n".join(data for name, data in found.items() if not name.startswith("recordings/"))
    secrets = [path.read_bytes() for path in made.here.home.rglob("consent.key")]
    assert len(secrets) == 1
    told = [*secrets, secrets[0].hex().encode(), b"signed_url", b"xi-api-key", b"wss://", str(made.here.home).encode()]
    assert [word for word in [*told, str(EXAMPLE.parent.parent).encode()] if word in everything] == []
    assert all(re.fullmatch(r"((recordings|memories|documents)/)?\w[\w -]*\.\w+", name) for name in found)
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600


def test_the_voice_can_be_left_out(made: Made) -> None:
    """Everything else is there."""
    made.export("quiet.zip", "--without-recordings")
    found = files(made.here.home / "quiet.zip")
    assert not [name for name in found if name.startswith("recordings/")]
    assert "consent.json" in found
    assert "The recordings were left out" in found["README.txt"].decode()


def test_nothing_is_overwritten_unless_it_is_said(made: Made, archive: Path) -> None:
    """A refusal leaves no half of a file; and the same companion is the same archive, to the byte, whenever it is made."""
    taken = made.here.home / "taken.zip"
    taken.write_bytes(b"mine")
    with made.here.start("export", made.companion, "--out", str(taken)) as process:
        _, err = process.communicate(timeout=60)
    assert (process.returncode, taken.read_bytes()) == (4, b"mine")
    assert "bad_input" in err
    assert [path.name for path in made.here.home.iterdir() if path.suffix == ".part"] == []
    made.export("taken.zip", "--force")
    assert taken.read_bytes() == archive.read_bytes()


def test_a_service_that_is_away_keeps_no_archive_from_being_written(made: Made) -> None:
    """What isn't in it says why."""
    faults = "/_sandbox/faults"
    made.here.http.post(faults, json={"method": "GET", "path": "/v1/convai/agents/*", "kind": "400"}).raise_for_status()
    made.export("away.zip")
    made.here.http.delete(faults).raise_for_status()
    assert "couldn't be asked" in json.loads(files(made.here.home / "away.zip")["agent.json"])["note"]


def test_it_can_be_applied_again(made: Made, archive: Path) -> None:
    """Unpacked, it is the same companion in this workspace, and nothing is to be done."""
    folder = made.here.home / "unpacked"
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    planned = made.here.run("plan", str(folder / "companion.yaml"))
    assert planned["companion"] == made.companion
    assert {step["action"] for step in planned["steps"]} == {"keep"}
    assert planned["spec"]["consent"] == SPEC["consent"] | {"relation": "", "evidence": ""}


@pytest.mark.anyio
async def test_what_was_changed_since_is_left_out_and_told(stage: Stage) -> None:
    """A staged file that isn't what it was isn't passed on; what was said at rehearsals is there."""
    wish = Wish.model_validate({"subject": {"name": "Dorothy"}, "recordings": [str(EXAMPLE / "recording.mp3")]})
    draft = await stage.call("plan_companion", spec=wish)
    keeper = stage.keeper
    plan, known = keeper.companions.planner.current(draft.plan_id)
    (keeper.settings.folder / "blobs" / plan.hashes[0]).write_bytes(b"another voice")
    said = json.dumps({"question": "alive", "verdict": "pass"})
    keeper.ledger.database.query("INSERT INTO rehearsals VALUES (?, 'e1', 'alive', ?)", plan.marker, said)
    stager = keeper.companions.stager
    planner = keeper.companions.planner
    exporting = Exporting(planner, keeper.companions.consents, keeper.retirement.receipts, stager.blobs)
    kept = Kept({})
    rows, missing = exporting.write(exporting.contents(known, {"note": "There is no agent."}), kept)
    assert missing == ["recordings/01-recording.mp3"]
    assert json.loads(kept.files["rehearsals.json"]) == [{"edition": "e1", "question": "alive", "verdict": "pass"}]
    assert missing[0] in kept.files["README.txt"].decode()
    assert b"another voice" not in b"".join(kept.files.values())
    assert [row.name for row in rows] == sorted(kept.files.keys() - {"manifest.json"})


class Kept:
    """An archive in memory."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files

    def add(self, name: str, data: bytes) -> None:
        self.files[name] = data

    def stream(self, name: str, source: Any) -> int:
        self.files[name] = source.read()
        return len(self.files[name])


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("recording.mp3", "recording.mp3"),
        ("../../etc/passwd", "etc-passwd"),
        ("=cmd|' /C calc'!A0.csv", "cmd- -C calc-A0.csv"),
        ("Grüße aus Köln.M4A", "Grüße aus Köln.m4a"),
        ("Mum, 1961 (tape 2).wav", "Mum, 1961 (tape 2).wav"),
        ("...", "unnamed"),
        (".. ", "unnamed"),
        ("a\nb\0c", "a b-c"),
        ("x" * 200, "x" * 80),
        ("爷爷的声音.wav", "爷爷的声音.wav"),
    ],
)
def test_names_make_no_paths_and_no_formulas(name: str, file: str) -> None:
    """On any system."""
    assert safe(name) == file


def test_two_files_never_share_a_name() -> None:
    """Also where a system takes upper and lower case for the same, and where names only differ in what isn't kept."""
    assert unlike("a.md", ["b.md"]) == "a.md"
    assert unlike("A.md", ["a.md", "a (2).md"]) == "A (3).md"
    told = retold([("What?", "One."), ("What!", "Two."), ("what", "Three.")])
    assert told == {"What.md": "One.", "What (2).md": "Two.", "what (3).md": "Three."}


def test_a_memory_of_another_kind_of_file_keeps_what_is_known_of_it() -> None:
    """As a record with its date and teller; read in again it is the same memory."""
    item = Item("We danced till two.", "letters.docx", date="1961-05", contributor="Niamh", people=("Tom",))
    [document] = documents([entry(item)])
    [(name, text)] = retold([(document.title, document.text)]).items()
    assert name == "letters.docx.json"
    [again] = read(name, text.encode())
    assert (again.text, again.date, again.contributor, again.people) == (item.text, "1961-05", "Niamh", ("Tom",))


def test_what_opens_anything_is_left_out_of_an_agent() -> None:
    """Whatever the service stores beside it; limits that are only called like it stay."""
    stored = {
        "auth": {"shareable_token": "t", "enable_auth": True},
        "llm": {"max_tokens": 5},
        "tools": [{"api_key": "k"}],
    }
    assert scrubbed(stored) == {"auth": {"enable_auth": True}, "llm": {"max_tokens": 5}, "tools": [{}]}
