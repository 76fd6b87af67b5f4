"""Environments that a server can't or may hardly start in: refused in a sentence, or served as well as can be."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bad_input import settings
from bad_input.settings import Start
from processes import PATIENCE, Place, place
from wire import ERAS, piped

# The usual run tries a few; tests/tools/test_settings.py has more of what is refused, without a process for each.
SHARE = 1 if os.environ.get("EVERYTHING") else 3
REFUSED, STARTED = settings.REFUSED[::SHARE], settings.STARTED[::SHARE]


def environ(row: Start, here: Place) -> dict[str, str]:
    """The usual one, and what the row puts over it."""
    key = here.env["ELEVENLABS_API_KEY"]
    over = {
        n: v and v.replace("HERE", str(here.home)).replace("KEY", key) for n, v in row.env.items() if v != f"${{{n}}}"
    }
    kept = {**here.env, "HOME": str(here.home), **row.env, **over}
    return {name: value for name, value in kept.items() if value is not None}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A sandbox for all of them."""
    with place(tmp_path_factory.mktemp("settings")) as here:
        (here.home / "state").mkdir()
        yield here


@pytest.fixture(scope="module")
def ended(here: Place) -> dict[str, tuple[int, bytes, bytes]]:
    """What became of those that don't start, all at once: each has its pipes, as a host gives them."""
    command, pipe = here.command("mcp"), subprocess.PIPE
    begun = {
        row.what: subprocess.Popen(command, env=environ(row, here), stdin=pipe, stdout=pipe, stderr=pipe)
        for row in REFUSED
    }
    told: dict[str, tuple[int, bytes, bytes]] = {}
    for what, process in begun.items():
        with process:
            out, err = process.communicate(timeout=PATIENCE)
        told[what] = process.returncode, out, err
    return told


@pytest.mark.parametrize("row", REFUSED, ids=[row.what for row in REFUSED])
def test_a_setting_that_cannot_be_meant_is_refused(
    ended: dict[str, tuple[int, bytes, bytes]], row: Start, record_property: Callable[[str, object], None]
) -> None:
    """Before anything is served: one line on stderr that names the setting, and none of its value."""
    record_property("bad input", row.group)
    code, out, err = ended[row.what]
    said = err.decode().strip()
    assert (code, out, said.count("\n")) == (row.code, b"", 0)
    assert row.says in said
    assert said.startswith("storykeeper: bad_input · ")
    assert (len(said.split(" · ")), len(said) <= 620, "hunter2" in said) == (4, True, False)


@pytest.mark.parametrize("row", STARTED, ids=[row.what for row in STARTED])
def test_a_setting_that_is_only_odd_stops_no_server(
    here: Place, tmp_path: Path, row: Start, record_property: Callable[[str, object], None]
) -> None:
    """It starts and lists its tools, and says in the call's answer, or on stderr, what is missing."""
    record_property("bad input", row.group)
    before = os.umask(0)
    try:
        with piped(here, ERAS[0], tmp_path / "stderr", environ(row, here), bare=True) as (pipe, running):
            listed = pipe.ask("tools/list").message["result"]["tools"]
            reply = pipe.call(row.tool, **row.arguments)
    finally:
        os.umask(before)
    said = running.said()
    assert (len(listed), reply.code, pipe.strays, running.process.returncode) == (20, row.code, [], 0)
    assert row.says in said + reply.text
    assert not {"Traceback", "hunter2", "x-evil"} & {
        word for word in ("Traceback", "hunter2", "x-evil") if word in said
    }
    assert loose(here.home) == []


def loose(home: Path) -> list[str]:
    """What of the state others than its owner may read, whatever the umask was."""
    found = [path for path in home.rglob("*") if path.parent != home]
    return [str(path) for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077]
