"""How a conversation ends, or never begins."""

from __future__ import annotations

NORMAL, POLICY, QUOTA, INTERNAL, UNAUTHORIZED = 1000, 1008, 1002, 1011, 3000
_LONGEST_REASON = 123  # bytes; what a close frame can hold


class Ended(Exception):
    """The end, as a close code and reason for the client, and in words for the history."""

    def __init__(self, code: int, reason: str = "", *, because: str = "", kind: str = "") -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason.encode()[:_LONGEST_REASON].decode(errors="ignore")
        self.because = because or reason
        self.kind = kind
        """The `error_type` of the error event that goes before the close, if there is one."""

    @property
    def failed(self) -> bool:
        """Whether the history shows the conversation as failed."""
        return self.code != NORMAL


class Gone(Ended):
    """The client closed the socket, or vanished."""

    def __init__(self) -> None:
        super().__init__(NORMAL, because="Client disconnected")
