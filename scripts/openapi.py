"""Print the path of the official ElevenLabs OpenAPI file, made on first use.

The official command line (npm package @elevenlabs/cli-linux-x64, MIT) embeds the file as plain JSON. We take it
from there, at one pinned version, into the ignored `.cache/`: nothing of it is committed, and nothing of the
binary is ever run.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "@elevenlabs/cli-linux-x64@1.3.0"
INTEGRITY = "sha512-JU9UDVfULuSjX1NJP8cIyLQV1PJUCjq+KJ39nWRxsRpXFBhk4MyqFFWUT0pdB3+Ow6bEzbzdGszX22ccVOLBZQ=="
SHA256 = "4b94e2bd912dac1d9c1dd6200fc6b78ab8d5c7622965d956292fb2a8e379a12c"
BINARY = "package/elevenlabs"
CACHE = Path(__file__).resolve().parents[1] / ".cache" / "elevenlabs-openapi.json"


class Altered(RuntimeError):
    """What was downloaded is not what was pinned."""


def ensure(cache: Path = CACHE) -> Path | None:
    """The cached file, made if need be; None where npm is missing or cannot deliver the package."""
    if cache.is_file() and _sha256(cache.read_bytes()) == SHA256:
        return cache
    with tempfile.TemporaryDirectory() as folder:
        tarball = _pack(Path(folder))
        if tarball is None:
            return None
        content = extract(_binary(tarball))
    if _sha256(content) != SHA256:
        raise Altered(f"The OpenAPI file inside {PACKAGE} has sha256 {_sha256(content)}, not the pinned {SHA256}.")
    _write(cache, content)
    return cache


def extract(binary: bytes) -> bytes:
    """The largest OpenAPI 3 document embedded in a binary, exactly as written there."""
    found = (_document(binary, match.start()) for match in re.finditer(rb'\{"openapi":"3', binary))
    return max(found, key=len, default=b"")


def _document(binary: bytes, start: int) -> bytes:
    # What follows the document is machine code, so the rest cannot be decoded strictly; a character replaced inside
    # the document itself would show in its hash.
    text = binary[start:].decode("utf-8", errors="replace")
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError:
        return b""
    return text[:end].encode()


def _pack(folder: Path) -> Path | None:
    npm = shutil.which("npm")
    if npm is None:
        return None
    command = [npm, "pack", "--silent", "--ignore-scripts", "--pack-destination", str(folder), PACKAGE]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"npm could not deliver {PACKAGE}: {done.stderr.strip()}", file=sys.stderr)
        return None
    return next(folder.glob("*.tgz"))


def _binary(tarball: Path) -> bytes:
    actual = "sha512-" + base64.b64encode(hashlib.sha512(tarball.read_bytes()).digest()).decode()
    if actual != INTEGRITY:
        raise Altered(f"The package {PACKAGE} has integrity {actual}, not the pinned {INTEGRITY}.")
    with tarfile.open(tarball) as archive:
        member = archive.extractfile(BINARY)
        return member.read() if member else b""


def _write(cache: Path, content: bytes) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    # Test processes may make the file at the same time: each writes its own and the last rename wins.
    descriptor, temporary = tempfile.mkstemp(dir=cache.parent)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    os.replace(temporary, cache)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    path = ensure()
    if path is None:
        sys.exit("The official OpenAPI file needs npm (comes with Node.js) and a network, once.")
    print(path)
