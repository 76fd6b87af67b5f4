"""What a foreign host is asked to do, and what its model gets to see. It runs where Storykeeper isn't installed: the
task comes as JSON on stdin, and what was seen goes to stdout as one. Nothing here reaches beyond this machine."""

from __future__ import annotations

import ipaddress
import json
import re
import sys
from dataclasses import dataclass, field
from typing import Any

# What a model reads out of the texts before: the last one that looks like it.
_IDS = {"$plan": re.compile(r"plan_[0-9a-f]{20}"), "$companion": re.compile(r"\b[a-z]+-[0-9a-f]{4}\b")}


def _loopback_only(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        host = str(arguments[1][0])
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise RuntimeError(f"a host tried to reach {host}")
    if event == "socket.getaddrinfo" and arguments[0] not in {None, "localhost", "127.0.0.1"}:
        raise RuntimeError(f"a host asked for the address of {arguments[0]}")


@dataclass
class Task:
    """A server, and calls of its tools one after the other."""

    server: dict[str, Any]
    steps: list[tuple[str, dict[str, Any]]]
    tools: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    def arguments(self, step: int) -> dict[str, Any]:
        """A step's, with what its model would have read in the answers so far."""
        return {name: self._read(value) for name, value in self.steps[step][1].items()}

    def _read(self, value: Any) -> Any:
        known = _IDS.get(value) if isinstance(value, str) else None
        return known.findall("\n".join(self.answers))[-1] if known else value

    def tell(self) -> None:
        json.dump({"tools": self.tools, "answers": self.answers}, sys.stdout)


def task() -> Task:
    """The task on stdin; from now on the network ends at this machine."""
    sys.addaudithook(_loopback_only)
    given = json.load(sys.stdin)
    return Task(given["server"], [(name, arguments) for name, arguments in given["steps"]])
