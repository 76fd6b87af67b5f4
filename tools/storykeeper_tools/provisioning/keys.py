"""The key that this workspace signs its consents and its journal with. It never leaves the machine."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import Conflict
from ..files import private_folder

KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Made whole at its first use, readable by its owner only."""

    path: Path

    def __call__(self) -> bytes:
        if not self.path.exists():
            self._make()
        key = self.path.read_bytes()
        if len(key) != KEY_BYTES:
            raise Conflict("the key that consents are signed with is damaged", next=f"restore {self.path.name}")
        return key

    def _make(self) -> None:
        """Written beside and then linked, so that nobody ever finds half a key, and the first of several stays."""
        partial = private_folder(self.path.parent) / f".{secrets.token_hex(8)}"
        try:
            with open(partial, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(secrets.token_bytes(KEY_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):
                os.link(partial, self.path)
        finally:
            partial.unlink(missing_ok=True)
