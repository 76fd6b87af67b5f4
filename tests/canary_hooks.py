"""A test run that fails where the canary key turns up, whatever its tests say. A plugin of pytest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import canary

ROOT = Path(__file__).parent.parent


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Whoever runs tests reads along with their processes; whoever only hands them to workers doesn't."""
    if hasattr(session.config, "workerinput") or not session.config.getoption("numprocesses", None):
        canary.watch()


@pytest.fixture(scope="session", autouse=True)
def _canary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Once all else of a session is over, its folders are looked through."""
    yield
    canary.settle()
    canary.FOUND += canary.files([tmp_path_factory.getbasetemp()])


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """What a test printed or logged, and what is said of a failed one."""
    told = "\n".join([report.longreprtext, *(text for _, text in report.sections)])
    if canary.holds(told.encode(errors="replace")):
        canary.FOUND.append(f"the output of {report.nodeid}")


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What a worker found."""
    canary.FOUND += getattr(node, "workeroutput", {}).get("canary", [])


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Coverage's files, and examples that Hypothesis keeps, are of all workers."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["canary"] = canary.FOUND
        return
    canary.FOUND += canary.files([*ROOT.glob(".coverage*"), ROOT / ".hypothesis"])
    if canary.FOUND:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Where it was, if it was anywhere."""
    for where in sorted(set(canary.FOUND)):
        terminalreporter.write_line(f"the canary key was found in {where}", red=True)
