"""Each assistant: where its file is, how that names servers, and how a key gets to them without standing in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME = "storykeeper"
KEY = "ELEVENLABS_API_KEY"
# With a blank in it, so that the server says that there is no key, rather than trying it.
PLACEHOLDER = "your ElevenLabs key"
PROMPT = "elevenlabs-key"


@dataclass(frozen=True, slots=True)
class Host:
    """`where(home, settings)` is its file; `servers` the key under which that lists servers; `secret` what stands for the
    ElevenLabs key, and `told` what to do about it. `comments`: whether its file may have some."""

    title: str
    where: Callable[[Path, Path], Path]
    secret: str
    told: str
    servers: str = "mcpServers"
    comments: bool = False
    first: Mapping[str, Any] = field(default_factory=dict[str, Any])
    prompts: tuple[Mapping[str, Any], ...] = ()


_FROM_ENVIRONMENT = f"it takes {KEY} from the environment that it is started in"

HOSTS: Mapping[str, Host] = {
    "claude-desktop": Host(
        "Claude Desktop",
        lambda home, settings: settings / "Claude" / "claude_desktop_config.json",
        PLACEHOLDER,
        f'put your key in place of "{PLACEHOLDER}", and start Claude anew',
    ),
    "claude-code": Host(
        "Claude Code",
        lambda home, settings: home / ".claude.json",
        f"${{{KEY}:-}}",
        _FROM_ENVIRONMENT,
        first={"type": "stdio"},
    ),
    "cursor": Host(
        "Cursor",
        lambda home, settings: home / ".cursor" / "mcp.json",
        f"${{env:{KEY}}}",
        _FROM_ENVIRONMENT,
    ),
    "vscode": Host(
        "VS Code",
        lambda home, settings: settings / "Code" / "User" / "mcp.json",
        f"${{input:{PROMPT}}}",
        "it asks for the key once, and keeps it among its secrets",
        servers="servers",
        comments=True,
        first={"type": "stdio"},
        prompts=({"type": "promptString", "id": PROMPT, "description": "ElevenLabs API key", "password": True},),
    ),
    "gemini": Host(
        "Gemini CLI",
        lambda home, settings: home / ".gemini" / "settings.json",
        f"${{{KEY}}}",
        _FROM_ENVIRONMENT,
        comments=True,
    ),
}


@dataclass(frozen=True, slots=True)
class Start:
    """How a host starts the server. `environ` is without the key; `kept` names what stays as somebody set it."""

    command: tuple[str, ...]
    environ: Mapping[str, str]
    sandbox: bool = False
    kept: frozenset[str] = frozenset({KEY})


def entry(host: Host, start: Start) -> dict[str, Any]:
    """The server as a host's file has it."""
    secret = {} if start.sandbox else {KEY: host.secret}
    command, *arguments = start.command
    return {**host.first, "command": command, "args": arguments, "env": {**secret, **start.environ}}


def prompts(host: Host, start: Start) -> tuple[Mapping[str, Any], ...]:
    return () if start.sandbox else host.prompts


def snippet(host: Host, start: Start) -> dict[str, Any]:
    """A whole file with nothing but this server."""
    asked = prompts(host, start)
    return {**({"inputs": [*asked]} if asked else {}), host.servers: {NAME: entry(host, start)}}
