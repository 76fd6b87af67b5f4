"""MCP servers as hosts have them: real processes, spoken to line by line over their pipes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from subprocess import Popen
from typing import Any

from processes import PATIENCE, Place

HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}


@dataclass
class Answer:
    """A tool's result, as a host shows it to its model."""

    text: str
    refused: bool
    content: dict[str, Any]


@dataclass
class Server:
    """A `storykeeper mcp`; calls may overlap, each answer is fetched by its number."""

    process: Popen[str]
    _told: threading.Condition = field(default_factory=threading.Condition)
    _answers: dict[int, Any] = field(default_factory=dict[int, Any])
    _last: int = 0

    def read(self) -> None:
        """Take in everything that it says, until it goes."""
        assert self.process.stdout
        for line in self.process.stdout:
            said = json.loads(line)
            with self._told:
                self._answers[said.get("id", 0)] = said
                self._told.notify_all()

    def tell(self, method: str, **params: Any) -> None:
        self._write({"jsonrpc": "2.0", "method": method, "params": params})

    def begin(self, name: str, **arguments: Any) -> int:
        """Call a tool; answers the number of the call."""
        return self._ask("tools/call", name=name, arguments=arguments)

    def answer(self, number: int) -> Answer:
        """What became of a call, once it is over."""
        with self._told:
            assert self._told.wait_for(lambda: number in self._answers, PATIENCE), "there was no answer"
        result = self._answers[number]["result"]
        return Answer(result["content"][0]["text"], result.get("isError", False), result.get("structuredContent") or {})

    def call(self, name: str, **arguments: Any) -> Answer:
        return self.answer(self.begin(name, **arguments))

    def greet(self) -> None:
        number = self._ask("initialize", **HELLO)
        with self._told:
            assert self._told.wait_for(lambda: number in self._answers, PATIENCE), "there was no greeting"
        self.tell("notifications/initialized")

    def _ask(self, method: str, **params: Any) -> int:
        self._last += 1
        self._write({"jsonrpc": "2.0", "id": self._last, "method": method, "params": params})
        return self._last

    def _write(self, message: dict[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()


@contextmanager
def serving(here: Place) -> Iterator[Server]:
    """A server that has been greeted; at the end its pipe is closed, and it goes."""
    with here.start("mcp") as process:
        server = Server(process)
        reader = threading.Thread(target=server.read)
        reader.start()
        # Nobody reads what it logs, and a full pipe would stop it.
        drain = threading.Thread(target=lambda: process.stderr and process.stderr.read())
        drain.start()
        try:
            server.greet()
            yield server
        finally:
            if process.stdin:
                process.stdin.close()
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()
            reader.join()
            drain.join()
