"""Identifiers in the shapes that the service uses."""

from __future__ import annotations

import secrets
import string

_MIXED = string.ascii_letters + string.digits
_LOWER = string.ascii_lowercase + string.digits


def short() -> str:
    """A voice, sample or document id: twenty letters and digits."""
    return "".join(secrets.choice(_MIXED) for _ in range(20))


def prefixed(prefix: str) -> str:
    """An id such as `agent_...` or `conv_...`, with twenty-eight lower-case letters and digits."""
    return f"{prefix}_" + "".join(secrets.choice(_LOWER) for _ in range(28))


def trace() -> str:
    """A request id: thirty-two hexadecimal digits."""
    return secrets.token_hex(16)
