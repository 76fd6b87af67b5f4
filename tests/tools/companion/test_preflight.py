"""Recordings are decoded by a process of its own, which has limits and no way back; whatever becomes of it is a verdict."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
import soundfile

import sounds
import spoiled
import storykeeper_tools
from storykeeper_tools.companion.recordings.isolation import Broken, run
from storykeeper_tools.companion.recordings.preflight import hear
from storykeeper_tools.companion.recordings.thresholds import USUAL
from storykeeper_tools.companion.recordings.verdict import judge
from storykeeper_tools.errors import InternalError

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "preflight.py"
FORMATS = {
    "wav": ("wav", "pcm_s16le", "audio/wav"),
    "flac": ("flac", "flac", "audio/flac"),
    "mp3": ("mp3", "libmp3lame", "audio/mpeg"),
    "m4a": ("mp4", "aac", "audio/mp4"),
    "aac": ("adts", "aac", "audio/aac"),
    "ogg": ("ogg", "libopus", "audio/ogg"),
    "webm": ("webm", "libopus", "audio/webm"),
    "aiff": ("aiff", "pcm_s16be", "audio/aiff"),
}


@pytest.fixture
def opened() -> Iterator[Callable[[bytes], BinaryIO]]:
    """Files that nobody can name."""
    with ExitStack() as stack:

        def make(data: bytes) -> BinaryIO:
            file = stack.enter_context(tempfile.TemporaryFile())
            file.write(data)
            file.flush()
            return file

        yield make


def spoken(title: str) -> bytes:
    """Nobody has heard it yet."""
    return sounds.titled(title)


def children() -> set[int]:
    """The processes that decode for this one."""
    tasks = Path("/proc/self/task")
    found = {int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()}
    return {pid for pid in found if b"recordings.child" in Path(f"/proc/{pid}/cmdline").read_bytes()}


needs_proc = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks at processes as Linux shows them")


@pytest.mark.parametrize("kind", FORMATS)
def test_what_families_record_with_is_decoded_and_named_truly(kind: str, opened: Any) -> None:
    """Forty seconds in every format, by its content."""
    container, codec, mime = FORMATS[kind]
    sound = sounds.resampled(sounds.speech(40), 16_000, 48_000)
    found = judge("mum.txt", hear(opened(sounds.packed(sound, 48_000, container, codec))).measures, USUAL)
    assert (found.mime, found.verdict, found.sample_rate, found.channels) == (mime, "usable", 48_000, 1)
    assert found.seconds == pytest.approx(40, abs=0.2)
    assert found.speech_seconds == pytest.approx(34, abs=1)


def test_the_sound_of_a_film_is_heard(opened: Any) -> None:
    """And a film without sound is none."""
    assert hear(opened(spoiled.film())).measures.speech_seconds > 30
    silent = judge("film.mp4", hear(opened(spoiled.film(sound=False))).measures, USUAL)
    assert [finding.what for finding in silent.findings] == ["there is no sound in it"]


def test_this_process_loads_no_decoder_and_no_numbers() -> None:
    """The server's own process only ever sees the answer."""
    code = f"""
import sys
from storykeeper_tools.companion.recordings.preflight import hear
with open({str(sounds.EXAMPLE)!r}, "rb") as file:
    assert hear(file).measures.speech_seconds > 60
assert not {{"numpy", "av", "soundfile"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_same_content_is_decoded_once(opened: Any) -> None:
    """Plans look at it again and again, under any name."""
    data, ticks = spoken("once"), list[float]()
    first = hear(opened(data))
    again = hear(opened(data), tick=ticks.append)
    assert (again, ticks) == (first, [])


def test_a_file_stays_where_it_is(opened: Any) -> None:
    """At its start, for whoever copies it next; the process that decodes has a place of its own."""
    file = opened(spoken("place"))
    hear(file)
    assert file.tell() == os.lseek(file.fileno(), 0, os.SEEK_CUR) == 0


def test_what_changes_while_it_is_heard_is_not_remembered(opened: Any) -> None:
    """Else a recording could be measured under another's name."""
    file, data, ticks = opened(spoken("before")), spoken("before"), list[float]()

    def write(seconds: float) -> None:
        if not ticks:
            os.pwrite(file.fileno(), b"\0" * len(data), 0)
        ticks.append(seconds)

    hear(file, tick=write)
    ticks.clear()
    assert hear(opened(data), tick=ticks.append).measures.speech_seconds > 30
    assert ticks


@needs_proc
def test_the_process_has_limits_and_none_of_our_secrets(opened: Any) -> None:
    """A hostile file may break it, and then finds nothing there."""
    seen: dict[str, str] = {}

    def look(seconds: float) -> None:
        for pid in children() if seconds else ():
            seen.setdefault("limits", Path(f"/proc/{pid}/limits").read_text())
            seen.setdefault("environment", Path(f"/proc/{pid}/environ").read_text())

    run("measure", {}, reading=[opened(sounds.file(sounds.speech(240), 16_000, format="FLAC"))], tick=look)
    limits = {line[:26].strip(): line[26:].split()[0] for line in seen["limits"].splitlines()}
    assert (limits["Max core file size"], limits["Max file size"], limits["Max cpu time"]) == ("0", "0", "600")
    assert int(limits["Max data size"]) < 300 * 2**20
    assert {entry.partition("=")[0] for entry in seen["environment"].split("\0")} <= {
        "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "LC_ALL", "LC_CTYPE", "",
    }  # fmt: skip


@needs_proc
@pytest.mark.parametrize(("often", "trouble"), [(1, ""), (2, "stopped")])
def test_a_process_that_is_killed_is_no_fault_of_the_file(opened: Any, often: int, trouble: str) -> None:
    """There is another try at once; what came of none isn't remembered."""
    file, killed = opened(spoken(f"killed {often}")), set[int]()

    def kill(seconds: float) -> None:
        for pid in children() - killed if len(killed) < often else ():
            killed.add(pid)
            os.kill(pid, signal.SIGKILL)

    assert hear(file, tick=kill).measures.trouble == trouble
    assert hear(file, tick=kill).measures.trouble == ""
    assert len(killed) == often


ELSEWHERE = """
import sys
from storykeeper_tools.companion.recordings.preflight import hear
from storykeeper_tools.companion.memories.reading.isolation import parsed
from storykeeper_tools.errors import InternalError
file = open(sys.argv[1], "rb")
assert parsed("html", "a", b"<p>hello</p>").parts
sys.path[:] = [folder for folder in sys.path if folder != sys.argv[2]]
for fails in (lambda: parsed("html", "a", b"<p>else</p>"), lambda: hear(file)):
    try:
        fails()
    except InternalError:
        continue
    raise SystemExit("not told")
sys.path.append(sys.argv[2])
assert hear(file).measures.speech_seconds > 60
"""


def test_what_is_installed_elsewhere_is_found_and_what_is_missing_is_no_fault_of_the_file() -> None:
    """By an interpreter that doesn't know the package by itself."""
    libraries = sysconfig.get_path("purelib")
    environ = {"PYTHONPATH": os.pathsep.join([str(Path(storykeeper_tools.__file__).parents[1]), libraries])}
    bare = str(Path(sys.executable).resolve())
    done = subprocess.run(
        [bare, "-c", ELSEWHERE, str(sounds.EXAMPLE), libraries],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@needs_proc
def test_who_has_had_enough_ends_it_at_once(opened: Any) -> None:
    """And no process is left behind."""

    def enough(seconds: float) -> None:
        if children():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        hear(opened(spoken("enough")), tick=enough)
    assert children() == set()


def test_progress_is_told(opened: Any) -> None:
    """In seconds of sound."""
    ticks: list[float] = []
    run("measure", {}, reading=[opened(sounds.wav(sounds.speech(120), 16_000))], tick=ticks.append)
    assert ticks == sorted(ticks)
    assert set(ticks) & {float(n) for n in range(10, 120, 10)}


def test_a_process_that_breaks_or_takes_too_long_is_an_answer_too(opened: Any) -> None:
    """Of every way to end without one."""
    file = opened(spoken("too long"))
    with pytest.raises(Broken):
        run("measure", {}, reading=[file], seconds=0)
    with pytest.raises(InternalError, match="can't begin"):
        run("nothing of the kind", {}, reading=[file])
    with pytest.raises(Broken):
        run("measure", {}, reading=[])


def test_two_hours_of_silence_are_refused_early_and_within_the_memory(tmp_path: Path) -> None:
    """A few hundred kilobytes that hold half a gigabyte."""
    with soundfile.SoundFile(tmp_path / "silence.flac", "w", 16_000, 1) as file:
        for _ in range(120):
            file.write(np.zeros(60 * 16_000, np.float32))
    command = [sys.executable, str(BENCHMARK), "--one", str(tmp_path / "silence.flac")]
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert (told["said"], told["heard"]) == ("refused silent", pytest.approx(305, abs=6))
    assert told["mb"] < 300
