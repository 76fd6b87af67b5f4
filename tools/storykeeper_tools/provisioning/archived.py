"""How things are called and explained in an exported archive."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, cast

LONGEST_NAME = 80
_SECRET = re.compile(r"token|secret|signed_url|api_key|password|authorization", re.IGNORECASE)
_MEANS = {
    "companion.yaml": "what was asked for; `storykeeper apply companion.yaml`, said in this folder, makes it again",
    "memories/": "the memories, in files that companion.yaml reads",
    "documents/": "the same memories, to the byte as they were sent to ElevenLabs",
    "recordings/": "the recordings that the voice was cloned from, to the byte",
    "consent.json": "who allowed it, when and for which recordings (by their sha256), with the records' signatures",
    "plan.json": "the plan that was carried out, and a change that is planned",
    "resources.json": "what was made at ElevenLabs, by its ids",
    "agent.json": "the agent as it was stored at ElevenLabs when this was written",
    "journal.jsonl": "what was done, by ids and hashes, in order",
    "receipts.json": "what was deleted",
    "rehearsals.json": "how it did when it was tried out",
    "manifest.json": "the sha256 and size of each file",
}
_HEAD = """\
This is everything that Storykeeper keeps of {name}'s memory companion ({id}).

It holds a person's voice and memories. Keep it where only those may read it who should; whoever has the recordings can
have the voice cloned again.
{revoked}"""
_REVOKED = "\nThe consent to it was taken back. Nothing here allows that the voice is cloned again.\n"
_TAIL = """
No key, no password and no link to talk is in here. Copies at ElevenLabs are not touched by this archive.

To check the files: the sha256 of each is in manifest.json (`sha256sum`, or `shasum -a 256`).
To check the journal: begin with 64 zeros as the hash. For each line but the last, the sha256 of that hash, a `|` and the
text in `body` is the line's `hash`, and the one to go on with. The last line has the number of entries and the last
hash, signed; only the computer that wrote it has the key to check the signature (`storykeeper verify`)."""


def readme(name: str, companion: str, files: Collection[str], missing: Sequence[str], *, revoked: bool) -> str:
    """What lies in the archive, in plain words."""
    there = {file.partition("/")[0] + "/" * ("/" in file) for file in files} | {"manifest.json"}
    told = [f"  {file}: {means}" for file, means in _MEANS.items() if file in there]
    gone = ["", "Not to be had any more, or changed since it was staged:", *(f"  {file}" for file in missing)]
    if "recordings/" not in there:
        told.append("  The recordings were left out: put them where companion.yaml names them, before it is applied.")
    head = _HEAD.format(name=name, id=companion, revoked=_REVOKED if revoked else "")
    return "\n".join([head, *told, _TAIL, *(gone if missing else [])]) + "\n"


def safe(name: str, suffix: str = "") -> str:
    """A name that makes no path and no formula, on any system; never empty. Its own ending stays, unless `suffix` is
    given."""
    plain = unicodedata.normalize("NFC", name)
    ending = re.fullmatch(r"(.+)(\.[A-Za-z0-9]{1,5})", plain, re.DOTALL)
    stem, own = (ending[1], ending[2].lower()) if ending and not suffix else (plain, suffix)
    slug = re.sub(r"[^\w .,()-]+|\.{2,}", "-", re.sub(r"\s+", " ", stem))
    slug = slug.strip("-_ .,")[:LONGEST_NAME].rstrip("-_ .,")
    return f"{slug or 'unnamed'}{own}"


def unlike(name: str, taken: Collection[str]) -> str:
    """A name that isn't taken, whatever a system thinks of upper and lower case: `notes (2).md`."""
    stem, dot, ending = name.rpartition(".")
    known = {other.casefold() for other in taken}
    names = (name if n == 1 else f"{stem} ({n}){dot}{ending}" for n in range(1, len(known) + 2))
    return next(free for free in names if free.casefold() not in known)


def stamp(at: float) -> str:
    """A moment, in UTC to the second."""
    return datetime.fromtimestamp(max(0.0, at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def scrubbed(value: Any) -> Any:
    """Without what opens anything, whatever the service stores beside it."""
    if isinstance(value, dict):
        pairs = cast("dict[str, Any]", value).items()
        return {k: scrubbed(v) for k, v in pairs if not _SECRET.search(k) or isinstance(v, (bool, int))}
    return [scrubbed(item) for item in cast("list[Any]", value)] if isinstance(value, list) else value
