"""docs/recordings.md: its table has every finding, its bounds are the usual ones, and its command is understood."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from storykeeper_server.grammar import parser
from storykeeper_tools.companion.recordings.measures import Trouble
from storykeeper_tools.companion.recordings.thresholds import Thresholds

ROOT = Path(__file__).parent.parent
DOCS = (ROOT / "docs" / "recordings.md").read_text(encoding="utf-8")
VERDICT = ROOT / "tools" / "storykeeper_tools" / "companion" / "recordings" / "verdict.py"


def test_every_finding_has_its_row() -> None:
    """And nothing has that isn't one."""
    found = set(re.findall(r'code="(\w+)"', VERDICT.read_text(encoding="utf-8")))
    found |= set(re.findall(r'code = "(\w+)" if \w+ else "(\w+)"', VERDICT.read_text(encoding="utf-8"))[0])
    rows = [line.split("|")[1] for line in DOCS.splitlines() if line.startswith("| `")]
    assert {code for row in rows for code in re.findall(r"`(\w+)`", row)} == found | set(
        filter(None, get_args(Trouble))
    )


def test_its_bounds_are_the_usual_ones() -> None:
    """Each figure where the table has it."""
    usual = Thresholds()
    said = {
        "too_short": (f"under {usual.speech_refuse:.0f} s", f"under {usual.speech_warn:.0f} s"),
        "long": (f"over {usual.long_warn / 60:.0f} minutes",),
        "low_rate": (f"under {usual.rate_refuse:,.0f} samples", f"above {usual.bandwidth_warn:,.0f} Hz"),
        "quiet": (
            f"under {usual.quiet_refuse:.0f} LUFS",
            f"under {usual.quiet_warn:.0f}",
            f"over {usual.loud_warn:.0f} LUFS",
        ),
        "clipped": (f"{usual.clipping_refuse * 100:.0f} %", f"{usual.clipping_warn * 100:g} %"),
        "noisy": (f"under {usual.snr_refuse:.0f} dB", f"under {usual.snr_warn:.0f} dB"),
        "background": (f"less than {usual.music_refuse:.0f} dB",),
        "offset": (f"over {usual.offset_warn:g}",),
    }
    for code, figures in said.items():
        [row] = [line for line in DOCS.splitlines() if line.startswith("| `") and f"`{code}`" in line.split("|")[1]]
        assert [figure for figure in figures if figure not in row] == [], code


def test_its_command_is_understood() -> None:
    """As it is written."""
    [command] = re.findall(r"^\$ storykeeper (prepare .*)$", DOCS, re.M)
    assert parser().parse_args(command.split()).recordings == ["tape.mp3", "birthday.m4a"]
