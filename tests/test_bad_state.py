"""State that is locked, full, damaged or gone: told in one sentence, nothing is lost, and the next call works."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hosts import serving
from processes import PATIENCE, Place, place

EXAMPLE = Path(__file__).parent.parent / "examples" / "dorothy"
SPEC = {"subject": {"name": "Dorothy"}, "recordings": [str(EXAMPLE / "recording.mp3")]}
ONE_OF_EACH = {"voice": 1, "document": 3, "agent": 1}
# Root may write anything, unless it does without that right.
AS_ANYBODY = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


@dataclass
class Told:
    code: int
    out: str
    err: str


@dataclass
class Home:
    """A workspace in which a companion was made, and a copy of its folder."""

    here: Place
    folder: Path
    saved: Path

    @property
    def ledger(self) -> Path:
        return self.folder / "storykeeper.sqlite"

    @property
    def key(self) -> Path:
        return self.folder / "consent.key"

    def restore(self) -> None:
        for path in (self.folder, self.ledger, self.key):
            if path.exists():
                path.chmod(0o700)
        shutil.rmtree(self.folder)
        shutil.copytree(self.saved, self.folder)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    with place(tmp_path_factory.mktemp("home")) as here:
        here.run("provision", str(EXAMPLE / "companion.yaml"), "--yes")
        folder = next(here.home.glob("*/storykeeper.sqlite")).parent
        saved = tmp_path_factory.mktemp("saved") / "state"
        shutil.copytree(folder, saved)
        yield Home(here, folder, saved)


@pytest.fixture
def home(made: Home) -> Iterator[Home]:
    """Each test has the folder as it was."""
    yield made
    made.restore()


def told(here: Place, *arguments: str, before: tuple[str, ...] = ()) -> Told:
    with here.start(*arguments, before=before) as process:
        out, err = process.communicate(timeout=PATIENCE)
        return Told(process.returncode, out, err)


def ada(folder: Path) -> str:
    """The file of somebody of whom nothing is known yet, so that her plan is written down."""
    file = folder / "ada.json"
    file.write_text(json.dumps({"subject": {"name": "Ada"}, "recordings": [str(EXAMPLE / "recording.mp3")]}))
    return str(file)


def garbage(file: Path) -> None:
    file.write_bytes(b"not a database" * 999)


def zeros(file: Path) -> None:
    third = file.stat().st_size // 3
    with file.open("r+b") as half:
        half.seek(third)
        half.write(bytes(third))


def truncated(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def empty(file: Path) -> None:
    os.truncate(file, 0)


def directory(file: Path) -> None:
    file.unlink()
    file.mkdir()


def newer(file: Path) -> None:
    _altered(file, "PRAGMA user_version = 99")


def foreign(file: Path) -> None:
    _altered(file, "ALTER TABLE companions RENAME TO friends")


def rewritten(file: Path) -> None:
    _altered(file, "UPDATE companions SET body = '{}'")


def _altered(file: Path, statement: str) -> None:
    with sqlite3.connect(file) as db:
        db.execute(statement)
    db.close()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (garbage, "conflict · Storykeeper's ledger is damaged"),
        (zeros, "conflict · Storykeeper's ledger is damaged"),
        (truncated, "conflict · Storykeeper's ledger is damaged"),
        (empty, "conflict · Storykeeper's ledger is empty, though it was used"),
        (foreign, "conflict · Storykeeper's ledger has other tables than it should"),
        (rewritten, "conflict · Storykeeper's ledger has a row that isn't as it was written"),
        (newer, "conflict · the ledger was written by a newer Storykeeper"),
        (directory, "busy · Storykeeper's ledger can't be opened or written"),
    ],
)
def test_a_ledger_that_cannot_be_used_is_refused_and_left_alone(
    home: Home, spoil: Callable[[Path], None], says: str
) -> None:
    """In one sentence; not a byte of it changes, and nothing is made beside what there is."""
    spoil(home.ledger)
    before = home.ledger.read_bytes() if home.ledger.is_file() else None
    ran = told(home.here, "provision", str(EXAMPLE / "companion.yaml"), "--yes")

    assert (ran.code, ran.out) == (4, "")
    assert ran.err.startswith(f"storykeeper: {says}"), ran.err
    assert ran.err.count("\n") == 1 or spoil is directory
    assert (home.ledger.read_bytes() if home.ledger.is_file() else None) == before
    assert home.here.count() == ONE_OF_EACH


@pytest.mark.parametrize("spoil", [garbage, newer])
def test_the_check_of_the_journal_says_it_too(home: Home, spoil: Callable[[Path], None]) -> None:
    """A journal that can't be read isn't intact."""
    spoil(home.ledger)
    ran = told(home.here, "verify")
    assert (ran.code, ran.out, ran.err.count("\n")) == (4, "", 1)


def gone(key: Path) -> None:
    key.unlink()


def half(key: Path) -> None:
    os.truncate(key, 16)


def unreadable(key: Path) -> None:
    key.chmod(0)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [(gone, "is gone"), (half, "is damaged"), (directory, "can't be read"), (unreadable, "can't be read")],
)
def test_without_its_key_nothing_is_signed_or_believed(home: Home, spoil: Callable[[Path], None], says: str) -> None:
    """A new one would make every consent void and every chain look forged; put back, all is well."""
    spoil(home.key)
    ran = told(home.here, "verify", before=AS_ANYBODY)
    assert (ran.code, ran.out) == (4, "")
    sentence = f"storykeeper: conflict · consent.key, the key that consents and the journal are signed with, {says}"
    assert ran.err.startswith(sentence), ran.err

    home.restore()
    assert home.here.run("verify")["intact"]


def test_another_key_shows(home: Home) -> None:
    """What it didn't sign counts for nothing."""
    home.key.write_bytes(b"k" * 32)
    verified = told(home.here, "verify")
    asked = told(home.here, "provision", str(EXAMPLE / "companion.yaml"), "--yes")
    assert (verified.code, "consent.key, was changed" in verified.out) == (1, True)
    assert (asked.code, home.here.count()) == (0, ONE_OF_EACH), asked.err


def file_only(home: Home) -> None:
    home.ledger.chmod(0o400)


def folder_too(home: Home) -> None:
    home.ledger.chmod(0o400)
    home.folder.chmod(0o500)


@pytest.mark.parametrize("spoil", [file_only, folder_too])
def test_a_ledger_that_may_only_be_read_says_what_to_do(
    home: Home, tmp_path: Path, spoil: Callable[[Home], None]
) -> None:
    """Mended, the same command works."""
    command = ("plan", ada(tmp_path))
    spoil(home)
    refused = told(home.here, *command, before=AS_ANYBODY)
    home.folder.chmod(0o700)
    for file in home.folder.glob("storykeeper.sqlite*"):
        file.chmod(0o600)
    mended = told(home.here, *command, before=AS_ANYBODY)

    assert (refused.code, refused.out, refused.err.count("\n")) == (4, "", 1)
    assert "you may write to" in refused.err
    assert mended.code == 0, mended.err


@pytest.mark.parametrize(("mode", "says"), [(0o600, "Not a directory"), (0o500, "Permission denied")])
def test_a_tool_server_says_why_it_does_not_start(tmp_path: Path, mode: int, says: str) -> None:
    """Whatever its tasks wrap it in: a folder that can't be used is nobody's bug."""
    home = tmp_path / "state"
    home.touch() if mode == 0o600 else home.mkdir()
    home.chmod(mode)
    with place(home, STORYKEEPER_ELEVENLABS_URL="") as here:
        ran = told(here, "mcp", "--sandbox", before=AS_ANYBODY)
    assert (ran.code, ran.out) == (4, "")
    assert ran.err.startswith(f"storykeeper: bad_input · the system refused: {says}"), ran.err
    assert "STORYKEEPER_HOME" in ran.err


def test_a_full_disk_keeps_nothing_half_done(home: Home, tmp_path: Path) -> None:
    """Planning is refused; with space again it works, and the journal is whole."""
    command = ("plan", ada(tmp_path))
    refused = told(home.here, *command, before=("prlimit", "--fsize=1"))
    assert (refused.code, refused.out) == (4, "")
    assert "the disk is full" in refused.err
    assert told(home.here, *command).code == 0
    assert home.here.run("verify")["intact"]


def test_a_ledger_that_another_program_holds_is_waited_for(home: Home, tmp_path: Path) -> None:
    """A backup, say, that takes two seconds."""
    holder = sqlite3.connect(home.ledger, isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    letting_go = threading.Timer(2, holder.rollback)
    letting_go.start()
    ran = told(home.here, "plan", ada(tmp_path))
    letting_go.join()
    holder.close()
    assert ran.code == 0, ran.err


def test_a_run_outlives_a_full_disk_and_a_lock(tmp_path: Path) -> None:
    """In the middle of a clone: whoever calls meanwhile is told, and in the end there is one of each."""
    with place(tmp_path, STORYKEEPER_FILES=str(EXAMPLE)) as here:
        plan = here.run("plan", str(EXAMPLE / "companion.yaml"))
        consent = {"companion": plan["companion"], "kind": "self", "granted_by": "Dorothy"}
        here.fault("POST /v1/voices/add slow")
        with serving(here) as server:
            server.call("record_consent", **consent)
            first = server.begin("provision_companion", plan_id=plan["plan_id"])
            here.wait_for_fault(server.process)

            holder = sqlite3.connect(next(tmp_path.glob("*/storykeeper.sqlite")), isolation_level=None)
            holder.execute("BEGIN IMMEDIATE")
            waiting = server.begin("record_consent", **consent, statement="I agree.")
            command = told(here, "plan", ada(tmp_path))
            busy, listed = server.answer(waiting), server.call("list_companions")
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
            holder.close()
            full = server.call("record_consent", **consent, statement="Yes.")
            staged = server.call("plan_companion", spec=SPEC)
            resource.prlimit(
                server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
            )

            server.answer(first)
            again = server.call("provision_companion", plan_id=plan["plan_id"])
        intact = here.run("verify")["intact"]
        count = here.count()

    assert "another program is using Storykeeper's ledger" in busy.text
    assert (command.code, command.err.startswith("storykeeper: busy · another program")) == (4, True)
    assert ": running" in listed.text
    assert "the disk is full" in full.text
    assert staged.text.startswith("busy · the disk is full")
    assert again.content["status"] == "done", again.text
    assert (intact, count) == (True, ONE_OF_EACH)
