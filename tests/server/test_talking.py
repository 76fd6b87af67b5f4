"""`storykeeper talk` and `storykeeper corrections`, as processes: an address that works, and an end when it is asked for."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from processes import PATIENCE, Place, place
from stage import EXAMPLE
from terminals import talk as at_a_terminal

CLOCK = "What did the family call the clock?"
FILES = ["--audio", str(EXAMPLE / "recording.mp3"), "--memories", str(EXAMPLE / "memories")]
TEXT = {"conversation": {"text_only": True}}
HELLO = {"type": "conversation_initiation_client_data", "conversation_config_override": TEXT}
TOKEN = "a-token-that-nobody-else-has-1234"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("home")) as here:
        yield here


@pytest.fixture(scope="module")
def companion(here: Place) -> str:
    made = here.run("provision", "--name", "Dorothy", *FILES, "--consent", "self", "--yes")
    assert made["talk"] == f"storykeeper talk {made['companion']}"
    return made["companion"]


@contextmanager
def page(here: Place, *arguments: str) -> Iterator[tuple[str, Popen[str]]]:
    """The page's address, once it is printed, and its process."""
    with here.start("talk", "--port", "0", *arguments) as process:
        try:
            assert process.stdout
            url = process.stdout.readline().strip()
            assert url, process.stderr and process.stderr.read()
            yield url, process
        finally:
            process.kill()


def ran(here: Place, *arguments: str, given: str = "") -> tuple[int, str, str]:
    with here.start(*arguments) as process:
        out, err = process.communicate(given, timeout=PATIENCE)
        return process.returncode, out, err


def session(url: str) -> dict[str, Any]:
    """What a page that was opened at this address asks for."""
    origin, _, companion = url.partition("/c/")
    with httpx.Client(base_url=origin) as http:
        http.get(f"/c/{companion}")
        answer = http.post(
            f"/api/companions/{companion}/session", json={}, headers={"Origin": origin, "X-Storykeeper": "talk"}
        )
        return answer.raise_for_status().json()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_page_is_there_until_it_is_told_to_go(here: Place, companion: str, number: int) -> None:
    """Its address is all of stdout; a talk that is going on doesn't hold it up, and no link is on stderr."""
    with page(here, companion) as (url, process):
        assert re.fullmatch(rf"http://127\.0\.0\.1:\d+/c/{companion}", url)
        link = session(url)["signed_url"]
        with connect(link, proxy=None) as talk:
            talk.send(json.dumps(HELLO))
            assert "conversation_initiation_metadata" in talk.recv(timeout=PATIENCE)  # pyright: ignore[reportOperatorIssue]  # text
            process.send_signal(number)
            assert process.wait(10) == 0
        out, err = process.stdout and process.stdout.read(), process.stderr and process.stderr.read()
    assert (out, err) == ("", "Ctrl-C ends it.\n")


def test_an_embedded_sandbox_stays_as_long_as_the_page(tmp_path: Path) -> None:
    """So that somebody without an account can talk."""
    with place(tmp_path) as here:
        here.more = {"STORYKEEPER_ELEVENLABS_URL": "", "ELEVENLABS_API_KEY": ""}
        code, out, err = ran(here, "provision", "--name", "Dorothy", *FILES, "--consent", "self", "--yes", "--sandbox")
        found = re.search(r"  talk +storykeeper talk (\S+) --sandbox\n", out)
        assert found, err
        assert code == 0
        again = ran(here, "provision", "--name", "Dorothy", *FILES, "--consent", "self", "--yes", "--sandbox", "--json")
        assert "signed_url opens nothing any more" in json.loads(again[1])["warnings"][-1]
        with page(here, found[1], "--sandbox") as (url, process):
            link = session(url)["signed_url"]
            with connect(link, proxy=None) as talk:
                talk.send(json.dumps(HELLO))
                assert "conversation_initiation_metadata" in talk.recv(timeout=PATIENCE)  # pyright: ignore[reportOperatorIssue]  # text
                process.send_signal(signal.SIGINT)
                assert process.wait(10) == 0


def test_the_gallery_of_all_is_at_the_root(here: Place, companion: str) -> None:
    """Where no companion is named; as JSON, too."""
    with page(here) as (url, _):
        assert httpx.get(f"{url}api/companions").json()["companions"][0]["id"] == companion
    with here.start("talk", "--port", "0", "--json", companion) as process:
        assert process.stdout
        head = "".join(process.stdout.readline() for _ in range(3))
        process.send_signal(signal.SIGINT)
    assert json.loads(head)["url"].endswith(f"/c/{companion}")


PUBLIC = {"STORYKEEPER_TALK_TOKENS": f"website:{TOKEN}"}
REFUSED: list[tuple[list[str], dict[str, str], str]] = [
    (["nobody-0000"], {}, "not_found"),
    (["--host", "0.0.0.0"], {}, "STORYKEEPER_TALK_TOKENS"),
    (["--origin", "https://talk.example.org"], {}, "STORYKEEPER_TALK_TOKENS"),
    (["--host", "0.0.0.0"], PUBLIC, "--origin https://YOUR.ADDRESS"),
    (["--origin", "http://talk.example.org"], PUBLIC, "--origin is no address"),
    (["--origin", "https://talk.example.org/x"], PUBLIC, "--origin is no address"),
    ([], {"STORYKEEPER_TALK_TOKENS": "website:short"}, "at least 24"),
    ([], {"STORYKEEPER_TALK_LIMITS": "caller=0"}, "caller=30,total=120"),
    (["--album", "nowhere"], {}, "--album ID=FOLDER"),
    (["--album", "nobody-0000=nowhere"], {}, "say one of: dorothy-"),
]


@pytest.mark.parametrize(("arguments", "more", "said"), REFUSED)
@pytest.mark.usefixtures("companion")
def test_a_page_that_should_not_be_is_not_served(
    here: Place, arguments: list[str], more: dict[str, str], said: str
) -> None:
    """It says what to do instead, and no token."""
    code, out, err = ran(Place(here.http, here.home, more), "talk", "--port", "0", *arguments)
    assert (code, out, said in err) == (4, "", True), err
    assert TOKEN not in err


def test_an_album_that_is_not_there_is_said(here: Place, companion: str) -> None:
    """Of a companion that is."""
    code, _, err = ran(here, "talk", "--port", "0", "--album", f"{companion}=nowhere")
    assert (code, "no folder of pictures" in err) == (4, True)


@pytest.mark.parametrize("origin", ["https://talk.example.org", "https://talk.example.org:443"])
def test_a_page_behind_a_proxy_answers_its_tokens_alone(here: Place, companion: str, origin: str) -> None:
    """By the name that visitors know, which browsers say without the usual port."""
    behind = Place(here.http, here.home, PUBLIC)
    with page(behind, companion, "--origin", origin, "--port", "0") as (url, process):
        assert url == f"https://talk.example.org/c/{companion}"
        base, host = f"http://127.0.0.1:{_port(process)}", {"Host": "talk.example.org"}
        assert httpx.get(f"{base}/api/companions", headers=host).status_code == 401
        bearer = {**host, "Authorization": f"Bearer {TOKEN}"}
        assert httpx.get(f"{base}/api/companions", headers=bearer).status_code == 200
        assert httpx.get(f"{base}/api/companions", headers={**bearer, "Host": "127.0.0.1"}).status_code == 403


def _port(process: Popen[str]) -> int:
    """The one that a process listens at, as the system has it."""
    own: set[str] = set()
    for fd in Path(f"/proc/{process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed since it was listed
            own.add(fd.readlink().name)
    for line in Path(f"/proc/{process.pid}/net/tcp").read_text().splitlines()[1:]:
        _, local, _, state, *rest = line.split()
        if state == "0A" and f"socket:[{rest[5]}]" in own:
            return int(local.partition(":")[2], 16)
    raise AssertionError("it listens nowhere")


def test_a_port_that_is_taken_is_said(here: Place, companion: str) -> None:
    """With what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, _, err = ran(here, "talk", companion, "--port", str(taken.getsockname()[1]))
    assert (code, "--port" in err) == (4, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--embed", "html"],
        ["--terminal"],
        ["--voice", "x"],
        ["--embed", "html", "--terminal", "x"],
        ["--embed", "vue", "x"],
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(here: Place, arguments: list[str]) -> None:
    """Before anything is opened."""
    assert ran(here, "talk", *arguments)[0] == 2


def test_a_talk_in_the_terminal(here: Place, companion: str, record_property: Any) -> None:
    """The transcript is on stdout; that it is an AI, how it works and whom to call on stderr."""
    code, out, err = ran(here, "talk", "--terminal", companion, given=f"{CLOCK}\n/help\n\n/bye\nnot said\n")
    record_property("session", f"{err}{out}")
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].startswith("Dorothy (AI): Hello")
    assert lines[1] == f"You: {CLOCK}"
    assert "Liar" in lines[2]
    assert len(lines) == 3
    assert "It isn't Dorothy" in err
    assert "116 123" in err
    assert "cvtkn_" not in out + err


def test_a_talk_in_the_terminal_as_json(here: Place, companion: str) -> None:
    """An object for each thing that is said."""
    code, out, _ = ran(here, "talk", "--terminal", companion, "--json", given=CLOCK)
    decoder, rest, said = json.JSONDecoder(), out.strip(), list[dict[str, str]]()
    while rest:
        found, end = decoder.raw_decode(rest)
        said.append(found)
        rest = rest[end:].strip()
    assert (code, [each["who"] for each in said]) == (0, ["agent", "user", "agent"])


@pytest.mark.anyio
async def test_a_person_at_a_terminal_talks(tmp_path: Path) -> None:
    """What is typed isn't repeated."""
    code, seen = await at_a_terminal(tmp_path, ["provision", "--name", "Dorothy", *FILES], {"Has Dorothy agreed": "yes", "Spend 1 voice slot": "y"})  # fmt: skip
    found = re.search(r"dorothy-[0-9a-f]{4}", seen)
    assert found, seen
    code, seen = await at_a_terminal(
        tmp_path, ["talk", "--terminal", found[0]], {"Dorothy (AI): Hello": CLOCK, "Liar": "/bye"}
    )
    assert code == 0, seen
    assert "You: " not in seen


def test_a_talk_by_voice_says_what_it_needs(here: Place, companion: str) -> None:
    """Where a microphone can't be used, since the parts for it aren't there."""
    code, _, err = ran(here, "talk", "--terminal", "--voice", companion)
    assert (code, "pip install 'storykeeper[voice]'" in err) == (4, True)


def test_a_paused_companion_talks_nowhere(here: Place, companion: str) -> None:
    """And says how it is resumed."""
    ran(here, "retire", companion, "--pause")
    code, out, err = ran(here, "talk", "--terminal", companion)
    ran(here, "retire", companion, "--resume")
    assert (code, out, f"storykeeper retire {companion} --resume" in err or "resume" in err) == (4, "", True)


def test_a_talk_in_the_terminal_ends_when_its_companion_is_paused(here: Place, companion: str) -> None:
    """While somebody is still thinking what to say; the service would go on to the end."""
    with here.start("talk", "--terminal", companion) as process:
        assert process.stdout
        assert process.stdin
        assert "Hello" in process.stdout.readline()
        try:
            ran(here, "retire", companion, "--pause")
            assert process.wait(PATIENCE) == 4
        finally:
            ran(here, "retire", companion, "--resume")
        assert process.stderr
        assert (
            f"paused meanwhile, or the consent to it is over · the talk has ended · storykeeper show {companion}"
            in process.stderr.read()
        )


def test_the_keeper_takes_or_drops_what_visitors_propose(here: Place, companion: str) -> None:
    """By its number; nothing is taken by itself."""
    with page(here, companion) as (url, process):
        origin = url.partition("/c/")[0]
        with httpx.Client(base_url=origin, headers={"Origin": origin, "X-Storykeeper": "talk"}) as http:
            http.get(f"/c/{companion}")
            for text in ("She was born in 1941, not 1940.", "--overwrite", "She hated tea."):
                http.post(f"/api/companions/{companion}/corrections", json={"text": text}).raise_for_status()
        process.send_signal(signal.SIGINT)
    assert "She was born in 1941" in ran(here, "show", companion)[1]
    listed = here.run("corrections", companion)["corrections"]
    assert [each["text"] for each in listed] == ["She was born in 1941, not 1940.", "--overwrite", "She hated tea."]
    assert ran(here, "corrections", companion, "--take", "4")[0] == 4
    assert ran(here, "corrections", companion, "--take", "1")[0] == 3  # nobody is there to say yes
    assert ran(here, "corrections", companion, "--drop", "3")[0] == 0
    code, out, err = ran(here, "corrections", companion, "--take", "1", "2", "--yes")
    assert (code, "is done" in out) == (0, True), err
    assert here.run("corrections", companion)["corrections"] == []
