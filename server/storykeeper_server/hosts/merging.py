"""Storykeeper put into a host's file, beside everything else that is there."""

from __future__ import annotations

from typing import Any, cast

from .jsonc import BLANK, Broken, Node, append, parse, put
from .known import NAME, Host, Start, entry, prompts

_SANDBOX = "STORYKEEPER_SANDBOX"


def merged(host: Host, text: str, start: Start) -> str:
    """The file's new text. What is set for Storykeeper already stays: a key, and settings that nothing is said of.
    Raises Broken for a file that isn't what the host could read."""
    text = text if text.strip("\ufeff \t\r\n") else BLANK
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix(mark)
    there = found(host, text)
    if there is None:
        text = put(text, (host.servers, NAME), entry(host, start), comments=host.comments)
    else:
        text = _brought_up_to_date(host, text, there, start)
    return mark + _prompting(host, text, start)


def found(host: Host, text: str) -> dict[str, Any] | None:
    """Storykeeper's entry in a host's file. Raises Broken for one that can't be ours, or a file that is broken."""
    servers = parse(text.removeprefix("\ufeff") or BLANK, comments=host.comments).at(host.servers)
    node = servers.at(NAME) if servers else None
    if node is None:
        return None
    environ = node.at("env")
    if not node.is_object or (environ and not environ.is_object):
        raise Broken(f"its {host.servers}.{NAME} is not an object")
    return node.value


def _brought_up_to_date(host: Host, text: str, there: dict[str, Any], start: Start) -> str:
    if "command" not in there:
        raise Broken(f"its {host.servers}.{NAME} is a server somewhere else; take that out, or rename it")
    wanted = entry(host, start)
    environ: dict[str, str] = wanted.pop("env")
    if not start.sandbox and _SANDBOX in there.get("env", {}):
        environ[_SANDBOX] = "0"
    for key, value in wanted.items():
        text = put(text, (host.servers, NAME, key), value, comments=host.comments)
    for name, value in environ.items():
        if name not in start.kept or name not in there.get("env", {}):
            text = put(text, (host.servers, NAME, "env", name), value, comments=host.comments)
    return text


def _prompting(host: Host, text: str, start: Start) -> str:
    """With what the host asks a person for, unless it does."""
    for asked in prompts(host, start):
        known = parse(text, comments=host.comments).at("inputs")
        if not known or asked["id"] not in _ids(known):
            text = append(text, ("inputs",), dict(asked), comments=host.comments)
    return text


def _ids(inputs: Node) -> list[Any]:
    rows = (node.value for _, _, node in inputs.items)
    return [cast("dict[str, Any]", row).get("id") for row in rows if isinstance(row, dict)]
