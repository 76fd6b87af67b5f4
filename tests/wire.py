"""MCP servers as hosts have them, spoken to byte by byte: over a pipe or over HTTP, in either era of the protocol."""

from __future__ import annotations

import json
import queue
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import httpx

from processes import Place

Era = Literal["2025-11-25", "2026-07-28"]
ERAS: tuple[Era, ...] = ("2025-11-25", "2026-07-28")
CLIENT = {"name": "tests", "version": "1"}
LONGEST = 5.0  # no answer takes longer, unless it is said why
Message = dict[str, Any]


class Silence(AssertionError):
    """There was no answer in time."""


@dataclass
class Reply:
    """An answer, whichever way it came."""

    message: Message

    @property
    def error(self) -> Message:
        """The protocol's error, if it is one."""
        return self.message.get("error") or {}

    @property
    def refused(self) -> bool:
        return bool(self.message.get("result", {}).get("isError"))

    @property
    def text(self) -> str:
        """What a host shows its model."""
        return self.message["result"]["content"][0]["text"] if "result" in self.message else ""

    @property
    def code(self) -> str | int:
        """The refusal's stable code, the number of a protocol's error, or `ok`."""
        return self.error.get("code") or (self.text.split(" · ")[0] if self.refused else "ok")

    @property
    def content(self) -> dict[str, Any]:
        return self.message["result"].get("structuredContent") or {}


def request(era: Era, number: Any, method: str, params: Message, meta: Message | None = None) -> Message:
    """A request as the era has it."""
    about = {"_meta": meta} if meta else {}
    if era == ERAS[1]:
        prefix = "io.modelcontextprotocol/"
        own = {f"{prefix}protocolVersion": era, f"{prefix}clientCapabilities": {}, f"{prefix}clientInfo": CLIENT}
        about = {"_meta": {**own, **(meta or {})}}
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": {**params, **about}}


class Wire(Protocol):
    """Either way."""

    era: Era

    def ask(self, method: str, patience: float = LONGEST, **params: Any) -> Reply: ...

    def call(self, name: str, patience: float = LONGEST, /, **arguments: Any) -> Reply: ...


@dataclass
class Pipe:
    """A server's two pipes. Whatever comes is kept in order; each line of it has to be a message."""

    process: subprocess.Popen[bytes]
    era: Era
    told: queue.Queue[Message | None] = field(default_factory=queue.Queue)
    strays: list[bytes] = field(default_factory=list)
    others: list[Message] = field(default_factory=list)
    last: int = 0

    def read(self) -> None:
        """Take in all that it says, until it goes."""
        assert self.process.stdout
        for line in self.process.stdout:
            try:
                self.told.put(json.loads(line))
            except ValueError:
                self.strays.append(line)
        self.told.put(None)

    def send(self, data: bytes) -> None:
        """These very bytes, and the end of a line."""
        assert self.process.stdin
        self.process.stdin.write(data + b"\n")
        self.process.stdin.flush()

    def next(self, patience: float = LONGEST) -> Reply:
        """What it says next. Raises Silence when it says nothing, or is gone."""
        try:
            message = self.told.get(timeout=patience)
        except queue.Empty:
            raise Silence(f"nothing within {patience} s") from None
        if message is None:
            self.told.put(None)
            raise Silence("the server is gone")
        return Reply(message)

    def begin(self, method: str, params: Message, meta: Message | None = None) -> int:
        """Ask without waiting; answers the request's number."""
        self.last += 1
        self.send(json.dumps(request(self.era, self.last, method, params, meta)).encode())
        return self.last

    def answer(self, number: Any, patience: float = LONGEST) -> Reply:
        """The answer of that number; what comes before it is kept among the others."""
        end = time.monotonic() + patience
        while True:
            reply = self.next(max(0.0, end - time.monotonic()))
            if reply.message.get("id") == number and "method" not in reply.message:
                return reply
            self.others.append(reply.message)

    def ask(self, method: str, patience: float = LONGEST, **params: Any) -> Reply:
        return self.answer(self.begin(method, params), patience)

    def call(self, name: str, patience: float = LONGEST, /, **arguments: Any) -> Reply:
        return self.ask("tools/call", patience, name=name, arguments=arguments)

    def greet(self) -> None:
        """Only the older era begins with a greeting."""
        if self.era == ERAS[0]:
            self.ask("initialize", 30, protocolVersion=self.era, capabilities={}, clientInfo=CLIENT)
            self.send(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        else:
            self.ask("server/discover", 30)


@dataclass
class Web:
    """A server's address; the older era has a session there."""

    http: httpx.Client
    era: Era
    session: dict[str, str] = field(default_factory=dict)
    last: int = 0

    def headers(self, method: str, name: str = "") -> dict[str, str]:
        usual = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        routed = {"mcp-method": method, **({"mcp-name": name} if name else {})} if self.era == ERAS[1] else {}
        return {**usual, "mcp-protocol-version": self.era, **routed, **self.session}

    def post(
        self, body: bytes, method: str = "tools/call", name: str = "", patience: float = LONGEST
    ) -> httpx.Response:
        """These very bytes."""
        try:
            return self.http.post("/mcp", content=body, headers=self.headers(method, name), timeout=patience)
        except httpx.TimeoutException:
            raise Silence(f"nothing within {patience} s") from None

    def ask(self, method: str, patience: float = LONGEST, **params: Any) -> Reply:
        self.last += 1
        body = json.dumps(request(self.era, self.last, method, params)).encode()
        name = str(params.get("name") or params.get("uri") or "")
        return Reply(answered(self.post(body, method, name if name.isascii() else "", patience), self.last))

    def call(self, name: str, patience: float = LONGEST, /, **arguments: Any) -> Reply:
        return self.ask("tools/call", patience, name=name, arguments=arguments)

    def greet(self) -> None:
        if self.era == ERAS[0]:
            params = {"protocolVersion": self.era, "capabilities": {}, "clientInfo": CLIENT}
            begun = self.post(json.dumps(request(self.era, 0, "initialize", params)).encode(), "initialize", "", 30)
            self.session = {"mcp-session-id": begun.headers["mcp-session-id"]}
            self.post(b'{"jsonrpc":"2.0","method":"notifications/initialized"}', "notifications/initialized")


def answered(response: httpx.Response, number: Any = None) -> Message:
    """The message in a body, which may be a stream of several."""
    if "text/event-stream" not in response.headers.get("content-type", ""):
        return response.json()
    said = [
        json.loads(line[5:]) for line in response.text.splitlines() if line.startswith("data:") and line[5:].strip()
    ]
    return next(message for message in said if message.get("id") == number and "method" not in message)


@dataclass
class Running:
    """A server that runs, and the file of what it says beside."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


@contextmanager
def started(
    here: Place, *arguments: str, log: Path, env: dict[str, str] | None = None, bare: bool = False
) -> Iterator[Running]:
    """`storykeeper mcp`; it is ended with the block, if it hasn't by then. `env` is put over the usual variables, unless
    they are to be `bare`."""
    command = [*here.command("mcp", *arguments)]
    with log.open("wb") as beside:
        process = subprocess.Popen(
            command,
            env={**({} if bare else here.env), **(env or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=beside,
        )
    with process:
        try:
            yield Running(process, log)
        finally:
            with suppress(OSError):
                assert process.stdin
                process.stdin.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


@contextmanager
def piped(
    here: Place, era: Era, log: Path, env: dict[str, str] | None = None, *, bare: bool = False
) -> Iterator[tuple[Pipe, Running]]:
    """A server over its pipes, greeted."""
    with started(here, log=log, env=env, bare=bare) as running:
        pipe = Pipe(running.process, era)
        reader = threading.Thread(target=pipe.read, daemon=True)
        reader.start()
        pipe.greet()
        yield pipe, running


@contextmanager
def webbed(here: Place, era: Era, log: Path, env: dict[str, str] | None = None) -> Iterator[tuple[Web, Running]]:
    """A server over HTTP on a loopback port, greeted."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with started(here, "--http", f"127.0.0.1:{port}", log=log, env=env) as running:
        listening(port, running)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
            web = Web(http, era)
            web.greet()
            try:
                yield web, running
            finally:
                http.close()
                running.process.terminate()


def listening(port: int, running: Running) -> None:
    """Until it does, or is gone."""
    while True:
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        with suppress(subprocess.TimeoutExpired):
            assert running.process.wait(0.02) is None, running.said()


def held(here: Place, pipe: Pipe) -> int:
    """A call that waits for an answer from above, which doesn't come."""
    here.fault("GET /v1/user/subscription blackhole")
    number = pipe.begin("tools/call", {"name": "check_quota", "arguments": {}})
    here.wait_for_fault(pipe.process)
    return number
