"""`storykeeper doctor`: everything that is wrong in one answer, with what to do, and nothing changed by looking."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from judged import build, served
from storykeeper_server.checkup.account import rows
from storykeeper_server.checkup.row import note, ok, problem, worst
from storykeeper_server.cli import main
from storykeeper_server.sandbox.state import State
from storykeeper_server.wiring import settings, wire
from storykeeper_tools.elevenlabs.client import ElevenLabs
from storykeeper_tools.elevenlabs.link import Link
from storykeeper_tools.elevenlabs.retries import Retries

KEY = "sk_0123456789abcdef0123456789abcdef"
NOBODY = "http://127.0.0.1:9"


class Told:
    """What it said."""

    def __init__(self, code: int, out: str, err: str) -> None:
        assert KEY not in out + err
        self.code = code
        self.rows: list[dict[str, Any]] = json.loads(out)["rows"]
        assert json.loads(out)["exit"] == code
        assert json.loads(out)["problems"] == len(self.wrong)

    @property
    def wrong(self) -> list[str]:
        return [f"{row['check']}: {row['what']}" for row in self.rows if row["state"] == "problem"]

    def of(self, check: str) -> list[str]:
        return [f"{row['state']}: {row['what']}; {row['do']}" for row in self.rows if row["check"] == check]


Doctor = Callable[..., Told]


@pytest.fixture
def doctor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Runs the command for a person whose settings are in order, but for what is given."""
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    for name in [name for name in os.environ if name.startswith(("STORYKEEPER_", "GOOGLE_")) or name in proxies]:
        monkeypatch.delenv(name)
    (tmp_path / "files").mkdir()
    usual = {"HOME": tmp_path, "XDG_CONFIG_HOME": tmp_path / ".config", "STORYKEEPER_HOME": tmp_path / "state"}
    for name, value in {**usual, "STORYKEEPER_FILES": tmp_path / "files", "ELEVENLABS_API_KEY": KEY}.items():
        monkeypatch.setenv(name, str(value))

    def run(*arguments: str, **more: str) -> Told:
        with monkeypatch.context() as patched:
            for name, value in more.items():
                patched.setenv(name, value)
            return Told(main(["doctor", "--json", *arguments]), *capsys.readouterr())

    return run


@contextmanager
def service(key: str = KEY, **options: Any) -> Iterator[str]:
    with served(build(State(None), keys=[key], **options)) as url:
        yield url


def test_where_all_is_well_it_says_so_and_changes_nothing(doctor: Doctor, tmp_path: Path) -> None:
    """Neither here nor there."""
    with service() as url:
        told = doctor(STORYKEEPER_ELEVENLABS_URL=url)
        counts = httpx.get(f"{url}/_sandbox").json()["counts"]
    assert (told.code, told.wrong) == (0, [])
    checks = {row["check"] for row in told.rows}
    assert {"software", "settings", "model", "consent", "home", "disk", "files", "database"} <= checks
    assert {"service", "key", "permissions", "plan", "clock", "talk page", "extras", "assistants"} <= checks
    assert "One more companion fits." in told.of("plan")[0]
    assert not (tmp_path / "state").exists()
    assert not any(counts.values())


@pytest.mark.parametrize(
    ("key", "options", "check", "said", "code"),
    [
        ("another", {}, "key", "problem: ElevenLabs answered 401: Invalid API key; check ELEVENLABS_API_KEY", 5),
        (
            f"{KEY} scopes=user_read,voices_read,convai_read,voices_write",
            {},
            "permissions",
            "problem: the key lacks convai_write; give the key that permission",
            5,
        ),
        (
            f"{KEY} scopes=voices_read,convai_read,voices_write,convai_write",
            {},
            "permissions",
            "note: the key lacks user_read: what is left can't be told",
            0,
        ),
        (KEY, {"plan": "free"}, "plan", "problem: the plan 'free' does not include instant voice cloning; choose", 5),
    ],
)
def test_what_the_account_lacks_is_told(
    key: str, options: dict[str, str], check: str, said: str, code: int, doctor: Doctor
) -> None:
    """The key, what it may do, the plan; before anything is spent."""
    with service(key, **options) as url:
        told = doctor(STORYKEEPER_ELEVENLABS_URL=url)
    assert told.of(check)[0].startswith(said)
    assert told.code == code
    assert len(told.wrong) == (1 if code else 0)


def test_a_service_out_of_reach_says_nothing_of_the_key(doctor: Doctor) -> None:
    """It is ElevenLabs' or the network's to mend."""
    told = doctor(STORYKEEPER_ELEVENLABS_URL=NOBODY)
    assert (told.code, told.wrong) == (6, ["service: ElevenLabs can't be reached"])
    assert told.of("key") == ["note: it couldn't be tried; "]
    assert told.of("permissions") == told.of("plan") == []


def test_what_could_not_be_tried_is_not_called_well() -> None:
    """Where some answers come and others don't."""

    def some(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v1/user"):
            return httpx.Response(401, json={"detail": {"status": "missing_permissions"}})
        raise httpx.ConnectError("gone")

    link = Link("https://api.elevenlabs.io", KEY, transport=httpx.MockTransport(some))
    found = anyio.run(rows, ElevenLabs(link, Retries(attempts=1)), None)
    assert [(row.check, row.state) for row in found[:3]] == [
        ("service", "problem"),
        ("key", "ok"),
        ("permissions", "note"),
    ]
    assert found[2].what == "not all of them could be tried"


def test_every_problem_is_in_one_answer(doctor: Doctor, tmp_path: Path) -> None:
    """Settings that can't be meant don't hide each other, nor anything else."""
    said = {
        "ELEVENLABS_API_KEY": "",
        "STORYKEEPER_REGION": "mars",
        "STORYKEEPER_CONSENT": "maybe",
        "STORYKEEPER_PREFLIGHT": "snr=1",
        "STORYKEEPER_ELEVENLABS_URL": "http://example.org",
        "STORYKEEPER_TYPO": "1",
        "STORYKEEPER_MODEL": "gemini-9",
        "SSL_CERT_FILE": str(tmp_path / "gone.pem"),
        "STORYKEEPER_FILES": os.pathsep.join([str(tmp_path), str(tmp_path / "gone"), str(tmp_path / "files")]),
    }
    told = doctor(**said)
    assert told.code == 5
    wrong = "\n".join(told.wrong)
    for name in ("STORYKEEPER_REGION", "STORYKEEPER_CONSENT", "STORYKEEPER_PREFLIGHT", "STORYKEEPER_ELEVENLABS_URL"):
        assert f"settings: {name}" in wrong
    assert "certificates: SSL_CERT_FILE names no file" in wrong
    assert "model: gemini-9 needs a Google key" in wrong
    assert "key: there is no ElevenLabs key" in wrong
    assert [row.partition(":")[0] for row in told.of("files")] == ["problem", "problem", "ok"]
    assert any("STORYKEEPER_TYPO is not a setting" in row for row in told.of("settings"))
    assert len(told.wrong) == 9
    assert all(row["do"] for row in told.rows if row["state"] == "problem")


def test_in_the_sandbox_it_works_too(doctor: Doctor) -> None:
    """Without a key."""
    told = doctor("--sandbox", ELEVENLABS_API_KEY="")
    assert (told.code, told.wrong) == (0, [])


def test_it_is_told_in_plain_words_as_well(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line each; what mends it names commands that can be typed."""
    monkeypatch.setenv("STORYKEEPER_ELEVENLABS_URL", NOBODY)
    code = main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    assert code == 6
    assert lines[-1].endswith(("problem.", "problems."))
    assert any(line.startswith("ok       software     storykeeper ") for line in lines)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda folder: folder.chmod(0o755), "home: others of this computer may look into"),
        (lambda folder: (folder / "storykeeper.sqlite").write_bytes(b"x" * 4096), "database: Storykeeper's ledger is damaged"),
        (lambda folder: newer(folder), "database: it was written by a newer Storykeeper"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_its_folder_is_told(
    spoil: Callable[[Path], Any], said: str, doctor: Doctor, tmp_path: Path
) -> None:
    """And left as it is."""
    folder = tmp_path / "state" / "main"
    folder.mkdir(parents=True, mode=0o700)
    spoil(folder)
    for file in folder.iterdir():
        file.chmod(0o600)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    wrong = "\n".join(doctor(ELEVENLABS_API_KEY="").wrong)
    assert said in wrong
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


def newer(folder: Path) -> None:
    database = sqlite3.connect(folder / "storykeeper.sqlite")
    database.execute("PRAGMA user_version = 999")
    database.close()


def test_a_home_that_cannot_be_is_told(doctor: Doctor) -> None:
    """Below what is no folder."""
    assert any("can't be written" in row for row in doctor(STORYKEEPER_HOME="/dev/null/x").of("home"))


def test_a_key_of_another_account_is_told(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workspace remembers whose it is."""
    with service() as url:
        monkeypatch.setenv("STORYKEEPER_ELEVENLABS_URL", url)
        keeper = wire(settings())
        keeper.ledger.bind(keeper.settings.workspace, "another")
        keeper.ledger.database.close()
        told = doctor()
    assert (told.code, told.wrong) == (5, ["key: this key belongs to another account than the workspace"])
    assert told.of("worker") == ["ok: none is open, nothing to be done; "]


def test_a_database_out_of_reach_hides_nothing_else(doctor: Doctor) -> None:
    """Nor is its password told."""
    with service() as url:
        told = doctor(STORYKEEPER_ELEVENLABS_URL=url, STORYKEEPER_DATABASE_URL="postgresql://u:hushhush@127.0.0.1:9/x")
    assert [one.partition(":")[0] for one in told.wrong] == ["database"]
    assert "hushhush" not in json.dumps(told.rows)
    assert told.of("plan")[0].startswith("ok")


def test_assistants_are_looked_at(doctor: Doctor, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whether what they would start is there, and whether others may read the key that stands there."""
    assert doctor("--sandbox").of("assistants")[0].startswith("note: none of them has Storykeeper")
    for host in ("cursor", "gemini"):
        main(["config", host, "--write"])
    (tmp_path / ".claude.json").write_text("{")
    capsys.readouterr()
    cursor = tmp_path / ".cursor" / "mcp.json"
    found = doctor("--sandbox").of("assistants")
    assert [row.partition(" ")[0] for row in found] == ["note:", "ok:", "ok:"]
    document = json.loads(cursor.read_text())
    document["mcpServers"]["storykeeper"]["env"]["ELEVENLABS_API_KEY"] = KEY
    cursor.write_text(json.dumps(document))
    cursor.chmod(0o644)
    assert any("others may read the key" in row for row in doctor("--sandbox").wrong)
    document["mcpServers"]["storykeeper"]["command"] = "/gone/storykeeper"
    cursor.write_text(json.dumps(document))
    assert any("Cursor starts a program that isn't there" in row for row in doctor("--sandbox").wrong)


@pytest.mark.parametrize("odd", ["a pipe", "a long number", "a link to itself"])
def test_an_assistant_s_file_that_is_none_hides_nothing_else(odd: str, doctor: Doctor, tmp_path: Path) -> None:
    """It isn't waited for, either."""
    path = tmp_path / ".claude.json"
    if odd == "a pipe":
        os.mkfifo(path)
    elif odd == "a long number":
        path.write_text(f'{{"a": {"9" * 5000}}}')
    else:
        path.symlink_to(path)
    assert doctor("--sandbox").of("assistants") == [f"note: Claude Code: {path} can't be understood; mend it"]


def test_a_proxy_that_is_not_used_is_told(doctor: Doctor) -> None:
    """Somebody may rely on it."""
    told = doctor(HTTPS_PROXY="http://user:hushhush@127.0.0.1:9", ELEVENLABS_API_KEY="")
    assert told.of("proxy")[0].startswith("note: HTTPS_PROXY is set and isn't used")
    assert "hushhush" not in json.dumps(told.rows)


@pytest.mark.parametrize(
    ("date", "said"),
    [
        ("Thu, 01 Jan 2099 00:00:00 GMT", "minutes behind"),
        ("Mon, 01 Jan 2001 00:00:00 GMT", "minutes ahead"),
    ],
)
def test_a_clock_that_goes_wrong_is_told(date: str, said: str) -> None:
    """By what the service says of the time, even where it refuses."""
    refusal = httpx.Response(401, json={"detail": {"status": "invalid_api_key"}}, headers={"date": date})
    link = Link("https://api.elevenlabs.io", KEY, transport=httpx.MockTransport(lambda request: refusal))
    found = anyio.run(rows, ElevenLabs(link, Retries(attempts=1)), None)
    assert [row.check for row in found] == ["service", "key", "clock"]
    assert said in found[-1].what


def test_a_service_that_never_answers_is_not_waited_for() -> None:
    """All that is asked is asked at once, for a limited time."""

    async def never(request: httpx.Request) -> httpx.Response:
        await anyio.sleep_forever()
        raise AssertionError

    link = Link("https://api.elevenlabs.io", KEY, transport=httpx.MockTransport(never))
    found = anyio.run(rows, ElevenLabs(link), None, 0.01)
    assert [(row.check, row.exit) for row in found] == [("service", 6), ("key", 0)]
    assert "no answer within 0.01 s" in found[0].what


def test_the_gravest_problem_is_the_exit_code() -> None:
    """The account's before ElevenLabs', that before what is here; notes count for nothing."""
    here, account, there = problem("a", "x", "y"), problem("b", "x", "y", 5), problem("c", "x", "y", 6)
    assert worst([here, there, account]) == 5
    assert worst([here, there]) == 6
    assert worst([note("d", "x"), here]) == 4
    assert worst([ok("e", "x"), note("d", "x")]) == 0
