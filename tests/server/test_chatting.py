"""A chat at a terminal, or from a script: what is asked is asked, what is kept is private, and nothing is made twice."""

from __future__ import annotations

import io
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import sounds
from processes import Place, place
from spoken import Command, command
from storykeeper_server.keyboard import Interrupted, Keyboard
from terminals import ROOT, Sitting

pytestmark = pytest.mark.anyio
WISH = "Make a companion of my grandmother Dorothy from examples/dorothy. She gave me her consent."
__all__ = ["command"]  # a fixture
TALK = (
    *(WISH, "family", "yes"),
    *("She was born in 1941, not 1940.", "yes"),
    *("Rehearse her, please.", "yes"),
    *("Can I have a link to talk to her?", "yes"),
    *("Forget her.", "dorothy-55ed", "/quit"),
)
SEEN = (
    *(
        f"you> {WISH}",
        "Who will talk with Dorothy's companion",
        "answer> family",
        "  create  voice ",
        "(yes or no)\nanswer> yes",
    ),
    *("make_companion: dorothy-55ed, done", "2 model calls, no tokens"),
    *("  change  agent ", "She was born in 1941, not 1940.", "change_companion: dorothy-55ed, done"),
    *("It costs a few credits", "passed"),
    *("Make a link?", "conversation_signature=", "opens within 15 minutes"),
    *("This would be deleted", "type dorothy-55ed, or no> dorothy-55ed", "retire_companion: dorothy-55ed, forgotten"),
    "/forget-history erases it",
    "In all: 10 model calls, no tokens",
)
MAKING = "POST /v1/voices/add blackhole x1"


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path / "home") as there:
        yield there


def process(home: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """A chat of its own in the embedded sandbox, whose lines come over a pipe."""
    environ = {"PATH": os.environ["PATH"], "HOME": str(home), "STORYKEEPER_HOME": str(home)}
    program = [sys.executable, "-m", "storykeeper_server", "chat", "--sandbox"]
    text = "".join(f"{line}\n" for line in lines)
    return subprocess.run(
        program, input=text, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=90, check=False
    )


def test_a_script_reads_as_the_whole_conversation(tmp_path: Path) -> None:
    """With no key: made, corrected, rehearsed, shared and forgotten. The link is shown, and neither told to the model
    nor stored; the file is its owner's only."""
    done = process(tmp_path, *TALK)
    assert done.returncode == 0, done.stderr
    first, told = done.stdout.split("\n", 1)
    assert "offline-rules" in first
    assert "sandbox, where nothing is real" in first
    assert "/quit or Ctrl-D leaves" in first
    place = 0
    for words in SEEN:
        assert words in told[place:], f"'{words}' isn't there, or not in its turn:\n{told}"
        place = told.index(words, place)
    assert not {"\x1b", "│", "─", "━"} & set(told)
    assert told.count("conversation_signature=") == 1
    assert done.stderr == ""
    file = tmp_path / "sandbox" / "chat.sqlite"
    assert file.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(file) as database:
        kept = "".join(row[0] for row in database.execute("SELECT event_data FROM events"))
    database.close()
    assert "dorothy-55ed" in kept
    assert "conversation_signature" not in kept


def test_a_question_that_was_left_open_is_asked_again(command: Command, tmp_path: Path) -> None:
    """A script that ends at one says so by its exit code; the answer then counts as if it had come at once."""
    left = command(
        "chat",
        lines=(
            WISH,
            "family",
        ),
    )
    assert left.code == 3
    assert "Shall I go ahead" in left.out
    again = command("chat", lines=("yes",))
    assert "1 question had no answer yet" in again.out
    assert "Shall I go ahead" in again.out
    assert ", done\n" in again.out
    assert "had no answer" not in command("chat").out


def test_another_conversation_and_none_at_all(command: Command, tmp_path: Path) -> None:
    """/new begins one that knows nothing of the last; /forget-history erases all of them after a yes."""
    command("chat", lines=("quota",))
    assert (
        'You said last: "quota"'
        in command(
            "chat",
            lines=(
                "/new",
                "list",
            ),
        ).out
    )
    assert (
        'You said last: "list"'
        in command(
            "chat",
            lines=(
                "/forget-history",
                "no",
                "/nonsense",
            ),
        ).out
    )
    erased = command(
        "chat",
        lines=(
            "/forget-history",
            "yes",
            "/help",
        ),
    )
    assert 'You said last: "list"' in erased.out
    assert "They are erased" in erased.out
    assert "You said last" not in command("chat").out


def test_a_history_that_cannot_be_read_is_kept_aside(command: Command, tmp_path: Path) -> None:
    """It is said, and the chat goes on with a new one."""
    file = tmp_path / "sandbox" / "chat.sqlite"
    file.parent.mkdir()
    file.write_bytes(b"this was never a database" * 100)
    done = command(
        "chat",
        lines=(
            "quota",
            "/quit",
        ),
    )
    assert done.code == 0, done.err
    assert "The history couldn't be read. It was kept as chat.sqlite.unreadable-" in done.out
    assert [f.read_bytes()[:4] for f in file.parent.glob("chat.sqlite.unreadable-*")] == [b"this"]
    assert 'You said last: "quota"' in command("chat").out


@pytest.mark.parametrize(
    ("said", "told"),
    [("   ", ""), ("x" * 100_000, "100,000 characters, and a wish has at most 10,000"), ("/foo", "no command /foo")],
    ids=["blank", "100 kB", "unknown command"],
)
def test_what_is_no_wish_costs_nothing(command: Command, said: str, told: str) -> None:
    """It is told so, and no model is asked."""
    done = command(
        "chat",
        lines=(
            said,
            "/usage",
        ),
    )
    assert done.code == 0, done.err
    assert told in done.out
    assert "0 model calls" in done.out


def test_an_unknown_model_is_said_at_once(command: Command, tmp_path: Path) -> None:
    """With what to set."""
    done = command("chat", STORYKEEPER_MODEL="nobody-knows-9")
    assert done.code == 4
    assert done.err.startswith("storykeeper: bad_input · there is no language model nobody-knows-9")


def test_a_gemini_without_a_key_is_said_at_once(command: Command) -> None:
    """Rather than by a stack trace at the first word."""
    for more in ({}, {"GOOGLE_GENAI_USE_VERTEXAI": "0"}):
        done = command("chat", STORYKEEPER_MODEL="gemini-2.5-flash", **more)
        assert done.code == 5
        assert done.err.startswith("storykeeper: auth_missing · gemini-2.5-flash needs a Google key")
        assert "set GOOGLE_API_KEY, or unset STORYKEEPER_MODEL" in done.err


def test_a_file_that_is_named_may_be_read(command: Command, tmp_path: Path) -> None:
    """Though it lies elsewhere: whoever types a path means it. The sum at the end is of all that was said."""
    (tmp_path / "mum.wav").write_bytes(sounds.wav(sounds.speech(70), 16_000))
    done = command("chat", lines=("list my companions", f"Is {tmp_path}/mum.wav good enough?"))
    assert "\nmum.wav: " in done.out, done.out
    assert "In all: 4 model calls" in done.out


async def test_ctrl_c_ends_the_turn_and_not_the_chat(there: Place) -> None:
    """What was begun goes on, and is said; at the prompt it takes two to leave."""
    there.fault(MAKING)
    with Sitting(there.env) as sitting:
        await under_way(sitting, there)
        sitting.process.send_signal(signal.SIGINT)
        assert "goes on being made by itself" in await sitting.until("you> ")
        sitting.process.send_signal(signal.SIGINT)
        await sitting.until("once more leaves")
        await sitting.until("you> ")
        sitting.process.send_signal(signal.SIGINT)
        assert (await sitting.end())[0] == 130


class Keys(io.TextIOBase):
    """Somebody who presses Ctrl-C while keys are waited for, in a way that doesn't end that waiting."""

    def __init__(self) -> None:
        self.waited, self.heard, self.typed = threading.Event(), threading.Event(), os.pipe()
        self.pressing, self.lost = threading.Thread(target=self.press), False

    def press(self) -> None:
        self.waited.wait()
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)  # as if it came just before the system call
        self.lost = not self.heard.wait(20)
        os.write(self.typed[1], b"\n")

    def readline(self, size: int | None = -1) -> str:  # pyright: ignore[reportIncompatibleMethodOverride] - of text
        self.waited.set()
        return os.read(self.typed[0], 100).decode()


def test_ctrl_c_is_never_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither at a prompt, though nothing wakes what waits for keys there, nor between two prompts."""
    keyboard, keys = Keyboard(), Keys()
    monkeypatch.setattr("sys.stdin", keys)
    before = signal.getsignal(signal.SIGINT)
    keys.pressing.start()
    try:
        with pytest.raises(Interrupted):
            keyboard.line("> ")
        keys.heard.set()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Interrupted):
            keyboard.line("> ")
    finally:
        keys.heard.set()
        keys.pressing.join()
        signal.signal(signal.SIGINT, before)
        for end in keys.typed:
            os.close(end)
    assert (keys.lost, keyboard.ended) == (False, False)


@pytest.mark.skipif("KILLS" not in os.environ, reason="`make campaign` runs it")
async def test_a_chat_that_was_killed_goes_on_with_the_same_companion(there: Place) -> None:
    """While the voice was being made: said again, there is one voice and one agent."""
    there.fault(MAKING)
    with Sitting(there.env) as sitting:
        await under_way(sitting, there)
        sitting.process.kill()
        await sitting.end()
    with Sitting(there.env) as sitting:
        assert "was under way when this ended. Say it again" in await sitting.until("you> ")
        assert ", done" in await sitting.carry(WISH)
        assert there.count() == {"voice": 1, "document": 3, "agent": 1}
        sitting.type("/quit")
        assert (await sitting.end())[0] == 0


async def test_ctrl_c_in_a_rehearsal_says_that_the_companion_is_made(there: Place) -> None:
    """Only what was cut short isn't there."""
    there.fault("POST /v1/convai/agents/{agent_id}/simulate-conversation blackhole")
    with Sitting(there.env) as sitting:
        await sitting.until("you> ")
        await sitting.say(WISH)
        await sitting.say("family")
        sitting.type("yes")
        there.wait_for_fault(sitting.process)
        sitting.process.send_signal(signal.SIGINT)
        told = await sitting.until("once more leaves")
    assert "dorothy-55ed is done. Only the rehearsal of dorothy-55ed was cut short." in told


async def under_way(sitting: Sitting, there: Place) -> None:
    """Until the voice is being made."""
    await sitting.until("you> ")
    await sitting.say(WISH)
    await sitting.say("family")
    await sitting.say("yes", "create document")
    there.wait_for_fault(sitting.process)


async def test_a_second_chat_in_a_workspace_waits_its_turn(there: Place) -> None:
    """Two would write into one conversation."""
    with Sitting(there.env) as first:
        await first.until("you> ")
        with Sitting(there.env) as second:
            code, seen = await second.end()
        assert (code, "another chat is open" in seen) == (4, True)


async def test_a_terminal_that_can_do_more_is_given_more(there: Place) -> None:
    """A table, and a bar while something goes on."""
    with Sitting({**there.env, "TERM": "xterm-256color"}) as sitting:
        await sitting.until("you> ")
        await sitting.say(WISH)
        assert "│" in await sitting.say("family")
        await sitting.say("yes", "━")
