"""How long `storykeeper prepare` takes over a two-hour family tape, and how much memory: `make bench` prints it.

The tape is speech with stretches that are spoiled by noise, music and clipping. Memory is the most that any of the
processes had, as the system counts it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import soundfile

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import sounds  # what the tests are made of

RATE = 22_050
MINUTES = (5, 30, 120)
MOST = 300  # MB


def main() -> None:
    print(f"{'tape':>12} {'size':>8} {'took':>8} {'memory':>8} {'cut':>6}  verdict")
    with tempfile.TemporaryDirectory() as folder:
        for minutes in MINUTES:
            tape = Path(folder) / f"{minutes}.flac"
            _record(tape, minutes)
            print(_row(tape, minutes))


def _record(tape: Path, minutes: int) -> None:
    """Minutes of speech, of which every second one is spoiled."""
    speech = sounds.speech(60, RATE)
    noisy = sounds.under(speech, sounds.noise(len(speech)), 12)
    played = sounds.under(speech, sounds.music(len(speech), RATE), 6)
    with soundfile.SoundFile(tape, "w", RATE, 1) as file:
        for minute in range(minutes):
            file.write((speech, noisy, speech * 0.8, played)[minute % 4] * 0.5)


def _row(tape: Path, minutes: int) -> str:
    command = [sys.executable, "-m", "storykeeper_server", "prepare", str(tape), "--json"]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=tape.parent, stdout=subprocess.PIPE)
    said = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    took, memory = time.perf_counter() - began, usage.ru_maxrss / 1024
    process.returncode = os.waitstatus_to_exitcode(status)
    told = json.loads(said)["cut"] if process.returncode == 0 else {"seconds": 0, "verdict": "failed"}
    size, missed = tape.stat().st_size / 1e6, "" if memory < MOST else f"  MISSED: more than {MOST} MB"
    cut, verdict = told["seconds"], told["verdict"]
    return f"{minutes:>8} min {size:>5.0f} MB {took:>6.1f} s {memory:>5.0f} MB {cut:>4.0f} s  {verdict}{missed}"


if __name__ == "__main__":
    main()
