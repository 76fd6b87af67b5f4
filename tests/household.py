"""The talk page as a family has it: a sandbox, a few companions, `storykeeper talk`, and a visitor with a browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import clients
from processes import PATIENCE, Place, place

EXAMPLE = Path(__file__).parent.parent / "examples" / "dorothy"
LONGEST_VISIT = 240

MARKUP = "<img src=x onerror='globalThis.pwned = 1'> & <script>globalThis.pwned = 1</script>"
BOLD = "<b onclick=x>A photo"
SPEC = """subject: {{name: {name}, relation: {relation}, status: living}}
language: {language}
recordings: [recording.mp3]
memories: [memories]
consent: {{kind: self, granted_by: {name}, relation: self, statement: I agree to a companion with a copy of my voice.}}
"""
ODD = f"When I was a child in Kinsale my mother taught me to write {MARKUP} on the slate at school.\n"
ERIKA = "Als Kind wohnte ich in Bremen in der Nähe vom Hafen, und meine Mutter verkaufte dort Heringe.\n"


@dataclass
class Site:
    """`companions` are their ids, by the first word of their names; the one of markup is called `img` there."""

    place: Place
    url: str = ""
    companions: dict[str, str] = field(default_factory=dict)

    def of(self, name: str) -> str:
        """A companion's page."""
        return f"{self.url}/c/{self.companions[name]}"

    def keeper(self, *arguments: str) -> dict[str, Any]:
        """A visitor's step in which the keeper runs a command."""
        return {"keeper": {"command": self.place.command(*arguments), "env": self.place.env}}

    def meanwhile(self, path: str, body: Any = None, method: str = "POST") -> dict[str, Any]:
        """A visitor's step that changes the sandbox."""
        url = str(self.place.http.base_url).rstrip("/")
        return {"meanwhile": {"url": f"{url}/_sandbox/{path}", "method": method, "body": body}}


@contextmanager
def site(home: Path, **more: str) -> Iterator[Site]:
    """All of it, until the block is over; `more` are environment variables."""
    with place(home / "state", **more) as own:
        found = Site(own)
        with own.start("apply", "--yes", str(_family(home / "family"))) as making:
            told = making.communicate(timeout=PATIENCE)
            assert making.returncode == 0, told
        found.companions = {row["name"].split()[0]: row["companion"] for row in own.run("list")["companions"]}
        albums = {"Dorothy": _album(home / "album"), "img": _odd_album(home / "odd")}
        options = [
            part for name, folder in albums.items() for part in ("--album", f"{found.companions[name]}={folder}")
        ]
        with own.start("talk", "--port", "0", *options) as server:
            assert server.stdout
            found.url = server.stdout.readline().strip().rstrip("/")
            assert found.url.startswith("http://127.0.0.1:"), server.communicate()
            try:
                yield found
            finally:
                server.terminate()
                # What it said of all the visits, which is only known when it has ended.
                log = "".join(server.communicate(timeout=PATIENCE))
                assert not re.search(r"conversation_signature|xi-api-key|Traceback", log), log


def visit(
    steps: Sequence[dict[str, Any]], *, sound: Path | None = None, answer: str = "", home: Path
) -> list[dict[str, Any]]:
    """What a visitor with a browser of their own met; their microphone hears `sound`, if they have one."""
    given = {
        "chromium": clients.chromium(),
        "steps": steps,
        "microphone": sound and str(sound),
        "answer": answer,
        "broken": str(home / "broken.png"),
    }
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    command = [*clients.node(), str(clients.FOLDER / "page.mjs")]
    done = subprocess.run(
        command,
        input=json.dumps(given),
        env=env,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=LONGEST_VISIT,
        check=False,
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"{events[-3:]}\n{done.stderr}"
    return events


def _family(home: Path) -> Path:
    """A folder of companions: Dorothy, one whose every word is markup, and one in German."""
    shutil.copytree(EXAMPLE, home / "dorothy")
    for folder, name, relation, language, memory in (
        ("odd", MARKUP, "neighbour", "en", ODD),
        ("erika", "Erika", "Tante", "de", ERIKA),
    ):
        (home / folder / "memories").mkdir(parents=True)
        (home / folder / "memories" / "life.txt").write_text(memory, encoding="utf-8")
        spec = SPEC.format(name=json.dumps(name), relation=relation, language=language)
        (home / folder / "companion.yaml").write_text(spec, encoding="utf-8")
        shutil.copy(EXAMPLE / "recording.mp3", home / folder)
    return home


def _album(folder: Path) -> Path:
    """A portrait and two photos, drawn here."""
    folder.mkdir()
    drawn = {
        "portrait": ((236, 203, 178), (124, 82, 64)),
        "01 The bakery, 1958": ((222, 190, 140), (84, 58, 44)),
        "02 Sunday dinner in Cork": ((178, 200, 190), (60, 84, 96)),
    }
    for name, (light, dark) in drawn.items():
        (folder / f"{name}.png").write_bytes(_picture(light, dark))
    return folder


def _odd_album(folder: Path) -> Path:
    folder.mkdir()
    (folder / f"01 {BOLD}.png").write_bytes(_picture((200, 200, 200), (90, 90, 90)))
    return folder


def _picture(light: tuple[int, ...], dark: tuple[int, ...], width: int = 480, height: int = 360) -> bytes:
    """A PNG that goes from one colour to the other."""
    rows = bytearray()
    for y in range(height):
        mixed = bytes(round(a + (b - a) * y / height) for a, b in zip(light, dark, strict=True))
        rows += b"\0" + mixed * width
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(rows))), (b"IEND", b""))
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
