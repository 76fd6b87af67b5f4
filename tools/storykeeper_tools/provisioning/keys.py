"""The key that this workspace signs its consents and its journal with. It never leaves the machine."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..errors import Conflict
from ..files import private_folder
from ..part import part

KEY = "consent.key"
KEY_BYTES = 32


@part
class SigningKey:
    """Made whole at its first use, readable by its owner only. `used`: whether anything was signed with it already."""

    path: Path
    used: Callable[[], bool] = lambda: False

    def __call__(self) -> bytes:
        if not self.path.exists():
            if self.used():
                # With another one every consent would count for nothing, and every head of the journal look forged.
                raise self._spoilt("is gone")
            self._make()
        try:
            key = self.path.read_bytes()
        except OSError:
            raise self._spoilt("can't be read") from None
        if len(key) != KEY_BYTES:
            raise self._spoilt("is damaged")
        return key

    def _spoilt(self, how: str) -> Conflict:
        name, next = self.path.name, "restore it; without it, set the whole folder aside and begin anew"
        what = f"{name}, the key that consents and the journal are signed with, {how}"
        return Conflict(what, exists="what was made stays as it is", next=next)

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
