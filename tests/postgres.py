"""Debian's Postgres as a test's own server: on loopback, in a folder that goes away, with a password worth hiding."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql

USER = "keeper"
PASSWORD = "hidden-pa55word"  # of a server that lives as long as the tests
_START_SECONDS = 60
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "off",  # a killed server loses nothing by it, only a machine without power would
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "log_min_messages": "fatal",
}


@dataclass(slots=True)
class Server:
    """One Postgres, not yet started. `url` ends with the port: add `/` and the name of a database."""

    folder: Path
    port: int
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.port}"

    def database(self, name: str = "") -> str:
        """The URL of a fresh, empty database."""
        name = name or f"test_{secrets.token_hex(6)}"
        self.query("postgres", "CREATE DATABASE {}", name)
        return f"{self.url}/{name}"

    def query(self, database: str, statement: LiteralString, *names: str) -> list[tuple[object, ...]]:
        """The rows of one statement on a connection of its own; each `{}` is a name."""
        with psycopg.connect(f"{self.url}/{database}", autocommit=True, connect_timeout=2) as connection:
            cursor = connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Start, or start again, on the same port and files; ready when this returns."""
        command = [_program("postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)]
        for name, value in _OPTIONS.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, start_new_session=True, user=_owner(), group=_owner()
            )
        self._await_ready()

    def stop(self, *, at_once: bool = False) -> None:
        """Stop; `at_once` is pg_ctl's `stop -m immediate`: no checkpoint, every connection cut."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
            self._process.wait(_START_SECONDS)
            self._process = None

    def _await_ready(self) -> None:
        until = time.monotonic() + _START_SECONDS
        while True:
            try:
                self.query("postgres", "SELECT 1")
            except psycopg.OperationalError:
                if (self._process and self._process.poll() is not None) or time.monotonic() > until:
                    raise RuntimeError((self.folder / "log").read_text()[-2000:]) from None
                time.sleep(0.05)
            else:
                return


def installed() -> bool:
    """Whether this machine has a Postgres to start."""
    return bool(_folders())


@contextmanager
def postgres(folder: Path | None = None) -> Iterator[Server]:
    """A running server with its files in `folder`, or in one that is removed afterwards.

    Postgres refuses to be root: it then runs as Debian's `postgres`, to whom the folder must be within reach.
    """
    with tempfile.TemporaryDirectory(prefix="postgres-") as own:
        server = Server(folder or Path(own), _free_port())
        _initialise(server.folder)
        try:
            server.start()
            yield server
        finally:
            server.stop(at_once=True)


def _initialise(folder: Path) -> None:
    password = folder / "password"
    password.write_text(PASSWORD)
    if owner := _owner():
        for path in (folder, password):
            shutil.chown(path, owner, owner)
    command = [_program("initdb"), "-D", str(folder / "data"), "-U", USER, "--pwfile", str(password), "--no-sync"]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]
    made = subprocess.run(command, cwd=folder, capture_output=True, check=False, user=_owner(), group=_owner())
    if made.returncode:
        raise RuntimeError(made.stderr.decode())


def _owner() -> str | None:
    """Whose process it is; None for ours."""
    return None if os.geteuid() else "postgres"


def _folders() -> list[Path]:
    return sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))


def _program(name: str) -> str:
    return str(_folders()[-1].with_name(name))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
