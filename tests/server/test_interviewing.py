"""`storykeeper interview`: at a real terminal, and where there is none."""

from __future__ import annotations

import json
import os
import pty
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from anyio.abc import Process

from storykeeper_tools.companion.memories.reading.files import read

pytestmark = pytest.mark.anyio
EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "dorothy"
FIRST, SECOND = "Where did Dorothy grow up", "What did Dorothy play as a child"
THIRD = "What is told about Dorothy's mother"


@dataclass
class Sitting:
    """A command at a terminal of its own; `seen` is all that it showed."""

    process: Process
    terminal: int
    seen: str = ""

    async def until(self, text: str) -> None:
        """Wait for a text that wasn't there before."""
        start = len(self.seen)
        with anyio.fail_after(60):
            while text not in self.seen[start:]:
                chunk = await anyio.to_thread.run_sync(_read, self.terminal, abandon_on_cancel=True)
                assert chunk, self.seen
                self.seen += chunk

    def type(self, *lines: str) -> None:
        os.write(self.terminal, "".join(f"{line}\n" for line in lines).encode())

    def stop(self) -> None:
        """Ctrl-D at the start of a line."""
        os.write(self.terminal, b"\x04")

    async def end(self) -> int:
        """The exit code, once all is seen."""
        with anyio.fail_after(60):
            while chunk := await anyio.to_thread.run_sync(_read, self.terminal, abandon_on_cancel=True):
                self.seen += chunk
            return await self.process.wait()


def _read(terminal: int) -> str:
    try:
        return os.read(terminal, 4096).decode(errors="replace")
    except OSError:  # how Linux says that the other end was closed
        return ""


def environ(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
    return {**kept, "HOME": str(home), "STORYKEEPER_HOME": str(home / "state"), "TERM": "dumb"}


@asynccontextmanager
async def sitting(home: Path, *arguments: str) -> AsyncGenerator[Sitting]:
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "storykeeper_server", "interview", *arguments]
    async with await anyio.open_process(
        command, env=environ(home), cwd=home, stdin=follower, stdout=follower, stderr=follower
    ) as process:
        os.close(follower)
        talk = Sitting(process, leader)
        yield talk
        if process.returncode is None:
            process.kill()
    os.close(talk.terminal)


async def asked(home: Path, *arguments: str) -> tuple[int, str, str]:
    """The command where nobody is at a terminal."""
    command = [sys.executable, "-m", "storykeeper_server", "interview", *arguments]
    ran = await anyio.run_process(command, env=environ(home), cwd=home, stdin=-3, check=False)
    return ran.returncode, ran.stdout.decode(), ran.stderr.decode()


async def test_answers_become_a_file_of_memories(tmp_path: Path) -> None:
    """Of several lines, told by somebody; what is skipped or not liked isn't written, and Ctrl-D ends it."""
    async with sitting(tmp_path, "Dorothy", "--by", "Niamh Óg") as talk:
        await talk.until(FIRST)
        talk.type("In Cork, by the river.", "There were geese.\x1b[A", "")
        await talk.until(SECOND)
        talk.type("?")
        await talk.until(THIRD)
        talk.type("")
        await talk.until("school and the way there")
        talk.stop()
        code = await talk.end()
    assert (code, "1 of 28 questions are answered" in talk.seen) == (0, True)
    file = tmp_path / "interview-dorothy-niamh-og.md"
    [item] = read(file.name, file.read_bytes())
    assert (item.contributor, item.title.startswith(FIRST)) == ("Niamh Óg", True)
    assert item.text.endswith("In Cork, by the river.\nThere were geese.[A")
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_kill_loses_no_line_and_it_goes_on_where_it_was(tmp_path: Path) -> None:
    """Even in the middle of an answer: the next time the next question comes."""
    async with sitting(tmp_path, "Dorothy", "--by", "", "--out", "told.md") as talk:
        await talk.until("Who is answering?")
        talk.type("")
        await talk.until(FIRST)
        talk.type("In Cork.", "And then in Youghal.")
        file = tmp_path / "told.md"
        with anyio.fail_after(60):
            while not file.exists() or "Youghal" not in file.read_text():  # noqa: ASYNC110 - another process writes it
                await anyio.sleep(0.02)
        talk.process.send_signal(signal.SIGKILL)
    async with sitting(tmp_path, "Dorothy", "--out", "told.md") as talk:
        await talk.until("Who is answering?")
        talk.type("")
        await talk.until(SECOND)
        talk.type("Hopscotch.", "")
        await talk.until(THIRD)
        talk.stop()
        assert await talk.end() == 0
    assert FIRST not in talk.seen
    assert "2 of 28 questions are answered" in talk.seen
    assert [item.text.partition("\n\n")[2] for item in read("told.md", file.read_bytes())][1] == "Hopscotch."
    assert "In Cork.\nAnd then in Youghal.\n" in file.read_text()


async def test_a_window_that_is_closed_ends_it(tmp_path: Path) -> None:
    """Nobody is there any more; what was told stays."""
    async with sitting(tmp_path, "Dorothy", "--by", "Niamh") as talk:
        await talk.until(FIRST)
        talk.type("In Cork.", "")
        await talk.until(SECOND)
        os.close(talk.terminal)
        with anyio.fail_after(60):
            await talk.process.wait()
        talk.terminal = os.open(os.devnull, os.O_RDONLY)
    assert "In Cork." in (tmp_path / "interview-dorothy-niamh.md").read_text()


async def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    """It may be their notes, or what another one told."""
    (tmp_path / "notes.md").write_text("# My notes\n")
    async with sitting(tmp_path, "Dorothy", "--by", "Niamh", "--out", "notes.md") as talk:
        code = await talk.end()
    assert (code, (tmp_path / "notes.md").read_text()) == (4, "# My notes\n")
    assert "--out" in talk.seen


async def test_without_a_terminal_the_questions_are_printed(tmp_path: Path) -> None:
    """By topic, for somebody to take along; nothing is written."""
    code, out, err = await asked(tmp_path, "Dorothy")
    assert (code, err) == (0, "")
    assert out.startswith(f"Childhood\n- {FIRST}")
    assert out.count("\n- ") == 28
    assert [*tmp_path.glob("*.md")] == []


async def test_what_the_memories_tell_is_asked_last(tmp_path: Path) -> None:
    """From a companion.yaml and its memories; asked of herself it says you."""
    code, out, _ = await asked(tmp_path, str(EXAMPLE / "companion.yaml"), "--by", "dorothy", "--json")
    told = json.loads(out)
    assert (code, told["name"], told["themselves"]) == (0, "Dorothy", True)
    assert "childhood" not in told["gaps"]
    assert told["gaps"]
    topics = list(dict.fromkeys(question["topic"] for question in told["questions"]))
    assert topics[: len(told["gaps"])] == told["gaps"]
    assert all("Dorothy" not in question["ask"] for question in told["questions"])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "say whose memories they are"),
        (["\u200b"], "visible character"),
        (["Dorothy", "--language", "xx"], "docs/languages.md"),
        (["nowhere/companion.yaml"], "isn't there"),
        (["Dorothy", "--memories", "/etc/passwd"], "passwd"),
    ],
    ids=["nobody", "no name", "no such language", "no such file", "no memories"],
)
async def test_what_cannot_be_meant_is_refused(tmp_path: Path, arguments: list[str], told: str) -> None:
    """In a sentence, and nothing is written."""
    code, out, err = await asked(tmp_path, *arguments)
    assert (code, out) == (4, "")
    assert told in err
