"""The bytes of recordings and memories, staged once at planning time: runs read blobs, never paths."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from ..errors import Conflict, FileRefused, NotFound, from_system
from ..files import LARGEST, private_folder
from ..part import part

CHUNK = 1024 * 1024
STAGING_SECONDS = 3600  # nobody is still writing after that


@part
class Blobs:
    """A folder of files named by the sha256 of their content, readable by their owner only; each of `largest` bytes at
    most."""

    folder: Path
    largest: int = LARGEST

    def open(self, sha256: str) -> BinaryIO:
        """The blob, at its start, seen to be the very bytes that it is named for: what a consent was given to."""
        try:
            file = (self.folder / sha256).open("rb")
        except FileNotFoundError:
            raise NotFound("the staged bytes of this plan are gone", next="call plan_companion again") from None
        except OSError as error:
            raise from_system(error) from None
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            file.close()
            raise Conflict("the staged bytes of this plan were changed", next="call plan_companion again")
        file.seek(0)
        return file

    def read(self, sha256: str) -> bytes:
        with self.open(sha256) as file:
            return file.read()

    def erase(self, hashes: Iterable[str]) -> None:
        """Take blobs away, and what a process that was killed while it staged left half-written."""
        for sha256 in hashes:
            (self.folder / sha256).unlink(missing_ok=True)
        for partial in self.folder.glob(".*"):
            with suppress(FileNotFoundError):
                if time.time() - partial.stat().st_mtime > STAGING_SECONDS:
                    partial.unlink()

    @contextmanager
    def staging(self) -> Generator[Staging]:
        """Stage blobs; those that are new are taken away again when the block fails."""
        staging = Staging(private_folder(self.folder), self.largest)
        try:
            yield staging
        except BaseException:
            staging.undo()
            raise


@dataclass(frozen=True, slots=True)
class Staging:
    folder: Path
    largest: int = LARGEST
    new: list[Path] = field(default_factory=list[Path])

    def add(self, source: BinaryIO) -> str:
        """Copy what `source` holds from here on; the name is the hash of exactly the bytes that were copied. Raises
        FileRefused for what grows without end while it is read."""
        digest = hashlib.sha256()
        partial = self.folder / f".{secrets.token_hex(8)}"
        try:
            with open(partial, "xb", opener=_private) as copy:
                while chunk := source.read(CHUNK):
                    digest.update(chunk)
                    copy.write(chunk)
                    if copy.tell() > self.largest:
                        raise FileRefused(
                            "a file grew beyond 2 GiB while it was read", next="call again once it is whole"
                        )
                copy.flush()
                os.fsync(copy.fileno())
            return self._keep(partial, digest.hexdigest())
        finally:
            partial.unlink(missing_ok=True)

    def _keep(self, partial: Path, sha256: str) -> str:
        """A blob that is there already is written anew all the same, in case somebody changed it."""
        final = self.folder / sha256
        if not final.exists():
            self.new.append(final)
        partial.replace(final)
        return sha256

    def drop(self, hashes: Iterable[str]) -> None:
        """Take blobs away that nothing names any more, whoever staged them."""
        Blobs(self.folder).erase(hashes)

    def undo(self) -> None:
        for blob in self.new:
            with suppress(FileNotFoundError):
                blob.unlink()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
