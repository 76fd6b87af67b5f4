"""`storykeeper export`: everything about a companion, in one archive."""

from __future__ import annotations

import argparse
import shutil
import zipfile
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import anyio.to_thread

from storykeeper_tools.errors import StorykeeperError
from storykeeper_tools.files import new_file
from storykeeper_tools.provisioning.exporting import Contents, Exporting, Row
from storykeeper_tools.provisioning.ledger import Companion

from .commands import opened, print_json, print_text
from .terminal import Terminal
from .wiring import Storykeeper

_EARLIEST = datetime(1980, 1, 1, tzinfo=UTC)  # before that a ZIP knows no time
_LATEST = datetime(2107, 12, 31, tzinfo=UTC)


async def export(arguments: argparse.Namespace) -> int:
    """0 also where the service couldn't be reached: the archive says so."""
    async with opened(arguments) as keeper:
        planner = keeper.companions.planner
        companion = planner.known(arguments.companion)
        agent = await _agent(keeper, companion)
        stager = keeper.companions.stager
        exporting = Exporting(planner, keeper.companions.consents, keeper.retirement.receipts, stager.blobs)
        contents = exporting.contents(companion, agent, recordings=not arguments.without_recordings)
        path = Path(arguments.out or f"{companion.id}.zip")
        rows, missing = await anyio.to_thread.run_sync(_write, exporting, contents, path, arguments.force)
    terminal = Terminal()
    for name in missing:
        terminal.say(f"left out: {name} is gone, or was changed since it was staged")
    if arguments.json:
        print_json(
            {"companion": companion.id, "archive": str(path), "files": [asdict(r) for r in rows], "missing": missing}
        )
    else:
        print_text(_listing(path, rows))
    return 0


async def _agent(keeper: Storykeeper, companion: Companion) -> dict[str, Any]:
    """The agent as it is stored at the service now, or why it isn't here."""
    id = keeper.companions.planner.agent(companion)
    if id is None:
        return {"note": "There is no agent."}
    try:
        await keeper.companions.workspace.check()
        return (await keeper.elevenlabs.agent(id)).model_dump(mode="json")
    except StorykeeperError as error:
        return {"agent_id": id, "note": f"ElevenLabs couldn't be asked for it when this was written ({error.code})."}


def _write(exporting: Exporting, contents: Contents, path: Path, force: bool) -> tuple[list[Row], list[str]]:
    with new_file(path, force=force) as file, zipfile.ZipFile(file, "w") as archive:
        return exporting.write(contents, Zipped(archive, _moment(contents.at)))


@dataclass(frozen=True, slots=True)
class Zipped:
    """A ZIP whose entries all have one time, so that the same contents are the same bytes."""

    archive: zipfile.ZipFile
    at: tuple[int, int, int, int, int, int]

    def add(self, name: str, data: bytes) -> None:
        self.archive.writestr(self._entry(name, zipfile.ZIP_DEFLATED), data)

    def stream(self, name: str, source: BinaryIO) -> int:
        with self.archive.open(self._entry(name, zipfile.ZIP_STORED), "w", force_zip64=True) as entry:
            shutil.copyfileobj(source, entry, 1024 * 1024)
        return source.tell()

    def _entry(self, name: str, compression: int) -> zipfile.ZipInfo:
        entry = zipfile.ZipInfo(name, self.at)
        entry.compress_type = compression
        entry.create_system, entry.external_attr = 3, 0o600 << 16
        return entry


def _moment(at: float) -> tuple[int, int, int, int, int, int]:
    when = min(max(datetime.fromtimestamp(max(0.0, at), UTC), _EARLIEST), _LATEST)
    return when.year, when.month, when.day, when.hour, when.minute, when.second


def _listing(path: Path, rows: list[Row]) -> str:
    lines = [f"  {row.bytes:>11,}  {row.sha256[:12]}  {row.name}" for row in rows]
    return "\n".join([f"{path}: {len(rows)} files and a manifest", *lines])
