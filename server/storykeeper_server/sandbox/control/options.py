"""What the command's options mean; a ValueError says what else there is. The rest is imported when an option is there."""

from __future__ import annotations

_HIGHEST_PORT = 65_535


def about() -> str:
    """The end of the help."""
    from .console import options

    return options()


def port(text: str) -> int:
    """A port, or 0 for any."""
    if not text.isdecimal() or int(text) > _HIGHEST_PORT:
        raise ValueError(f"{text!r} is no port: 0 to {_HIGHEST_PORT}")
    return int(text)


def tier(text: str) -> str:
    """The name of a plan."""
    from ..plans import named

    return named(text).tier


def key(text: str) -> object:
    """A key with what it may do."""
    from ..auth import key

    return key(text)


def switch(text: str) -> tuple[str, object]:
    """A switch's name and its value, of the right type."""
    from ..switches import Switches, turned

    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r}: a switch is NAME=VALUE")
    return name, getattr(turned(Switches(), {name: value}), name)


def fault(text: str) -> object:
    """The rule of a fault."""
    from ..faults.rules import rule

    return rule(text)
