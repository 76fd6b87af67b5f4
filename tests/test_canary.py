"""What looks for the canary key finds it, however it is written and wherever it is."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

import canary

ROOT = Path(__file__).parent.parent
PLANTED = "0123456789abcdef01234567"
SECRET = f"sk_canary_{PLANTED}"
WAYS: dict[str, Callable[[str], bytes]] = {
    "plain": lambda secret: secret.encode(),
    "in a line of a log": lambda secret: f"DEBUG headers={{'xi-api-key': '{secret}'}}".encode(),
    "in a URL": lambda secret: quote(f"https://x/?key={secret}&y", safe="").encode(),
    "in JSON": lambda secret: json.dumps({"a": [{"b": secret}]}).encode(),
    "in capitals": lambda secret: secret.upper().encode(),
    "in hexadecimal": lambda secret: secret.encode().hex().encode(),
    "in hexadecimal capitals": lambda secret: secret.encode().hex().upper().encode(),
    "in UTF-16": lambda secret: secret.encode("utf-16"),
    **{f"in base64 behind {n} letters": lambda secret, n=n: base64.b64encode(b"x" * n + secret.encode() + b"yz") for n in range(4)},
    "in a basic header": lambda secret: b"Basic " + base64.b64encode(f"user:{secret}".encode()),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_a_file_that_holds_it_is_found(tmp_path: Path, way: str) -> None:
    """Wherever in the file it stands; files without it aren't."""
    (tmp_path / "innocent").write_bytes(b"sk_canary_" + b"\0" * 5000)
    (tmp_path / "guilty").write_bytes(b"\0" * 70_001 + WAYS[way](SECRET) + b"\xff" * 70_001)
    assert canary.files([tmp_path], PLANTED) == [str(tmp_path / "guilty")]


def test_databases_and_names_are_looked_through(tmp_path: Path) -> None:
    """A row of SQLite, with what isn't yet in its file, and a file that is called so."""
    database = sqlite3.connect(tmp_path / "rows.sqlite")
    database.execute("pragma journal_mode=wal")
    database.execute("create table t (a)")
    database.execute("insert into t values (?)", (SECRET,))
    database.commit()
    (tmp_path / SECRET).touch()
    found = canary.files([tmp_path], PLANTED)
    database.close()
    assert {Path(path).name for path in found} == {"rows.sqlite-wal", SECRET}


LEAKS = {
    "a_file": '(tmp_path / "state").write_text(canary.KEY)',
    "stdout": 'subprocess.run([sys.executable, "-c", f"print({canary.KEY!r})"], capture_output=True)',
    "stderr": 'subprocess.run([sys.executable, "-c", f"import sys; sys.exit({canary.KEY!r})  # aside"], stderr=-1)',
    "its_own_output": "print(canary.KEY)",
    "nothing": "print('quiet')",
}
TESTS = "import subprocess, sys, canary\n" + "".join(
    f"def test_{what}(tmp_path):\n    {leak}\n" for what, leak in LEAKS.items()
)


def run(folder: Path, *options: str) -> tuple[int, str]:
    """A run of its own, of those tests; what becomes of it, and what it says."""
    (folder / "conftest.py").write_text('pytest_plugins = ["canary_hooks"]\n')
    (folder / "test_leaks.py").write_text(TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        "/dev/null",
        "--rootdir",
        str(folder),
    ]
    env = {"PYTHONPATH": str(ROOT / "tests"), "TESTS_CANARY": PLANTED, "PATH": os.environ["PATH"]}
    whole = [*command, "--basetemp", str(folder / "base"), *options, str(folder / "test_leaks.py")]
    done = subprocess.run(whole, env=env, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_run_that_leaks_it_fails_and_says_where(tmp_path: Path, workers: str) -> None:
    """Though each of its tests passed, and whichever worker ran them."""
    code, said = run(tmp_path, "-n", workers)
    where = [line for line in said.splitlines() if "the canary key was found in" in line]
    assert (code, "5 passed" in said) == (1, True), said
    assert all(
        any(what in line for line in where) for what in ("state", "stdout of", "stderr of", "test_its_own_output")
    )
    assert not any("nothing" in line for line in where)


def test_a_run_that_keeps_it_passes(tmp_path: Path) -> None:
    """And says nothing of it."""
    code, said = run(tmp_path, "-k", "nothing")
    assert (code, "canary key" in said) == (0, False), said
