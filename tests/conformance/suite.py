"""The official conformance suite as a program, and what it found."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

import referees

LONGEST = 120.0
_FOLDER = re.compile(r"server-(?P<scenario>.+)-\d{4}-\d\d-\d\dT[\dZ-]+")


@dataclass(frozen=True)
class Found:
    """What became of one scenario."""

    scenario: str
    checks: list[dict[str, Any]]

    def told(self, status: str) -> list[dict[str, Any]]:
        return [check for check in self.checks if check["status"] == status]

    @property
    def failed(self) -> list[str]:
        """The checks that failed; one that had nothing to look at, for want of a fixture, is none."""
        return [each["id"] for each in self.told("FAILURE") if not (each.get("details") or {}).get("untestable")]

    def __str__(self) -> str:
        passed, failed, warned = (len(self.told(status)) for status in ("SUCCESS", "FAILURE", "WARNING"))
        untestable = failed - len(self.failed)
        more = [f"{warned} warned"] * bool(warned) + [f"{untestable} not testable"] * bool(untestable)
        return f"{self.scenario:48}{', '.join([f'{passed:3} passed, {len(self.failed)} failed', *more])}"


@dataclass(frozen=True)
class Verdict:
    """What the suite found in all, and how it ended."""

    code: int
    found: dict[str, Found]

    def __str__(self) -> str:
        passed = sum(len(each.told("SUCCESS")) for each in self.found.values())
        failed = sum(len(each.failed) for each in self.found.values())
        return "\n".join([*map(str, self.found.values()), f"{passed} passed, {failed} failed, exit code {self.code}"])


async def judged(url: str, folder: Path, *options: str) -> Verdict:
    """Run the suite against a server; its results are files in `folder`."""
    command = [*referees.conformance(), "server", "--url", url, *options, "-o", str(folder)]
    with anyio.fail_after(LONGEST):
        done = await anyio.run_process(command, env={"HOME": str(folder), "PATH": os.environ["PATH"]}, check=False)
    written = sorted(folder.glob("server-*/checks.json"), key=lambda path: path.stat().st_mtime_ns)
    assert written, done.stderr.decode()
    found = [Found(_scenario(path), json.loads(path.read_text(encoding="utf-8"))) for path in written]
    return Verdict(done.returncode, {each.scenario: each for each in found})


def _scenario(path: Path) -> str:
    match = _FOLDER.fullmatch(path.parent.name)
    assert match, path
    return match["scenario"]
