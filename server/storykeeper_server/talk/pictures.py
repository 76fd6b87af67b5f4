"""Pictures that the keeper chose: drawn anew, so that neither a place nor anything else hidden in a file goes out."""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio.to_thread

from storykeeper_tools.errors import BadInput

from .refusals import Refused

MIME = "image/jpeg"
MOST_PHOTOS, MOST_BYTES, MOST_PIXELS = 60, 30 * 1024 * 1024, 80_000_000
WIDEST = 1280
PORTRAIT = "portrait"
_KINDS = ((b"\xff\xd8\xff", "jpeg_pipe"), (b"\x89PNG\r\n\x1a\n", "png_pipe"), (b"RIFF", "webp_pipe"))


@dataclass(frozen=True, slots=True)
class Photo:
    id: str
    caption: str
    path: Path


@dataclass(slots=True)
class Album:
    """One companion's pictures; each is drawn once, when somebody first wants to see it."""

    portrait: Photo | None = None
    photos: Sequence[Photo] = ()
    _drawn: dict[str, bytes] = field(default_factory=dict[str, bytes])

    async def picture(self, id: str) -> bytes:
        """A JPEG. Raises Refused for one that isn't in it."""
        known = [*self.photos, *([self.portrait] if self.portrait else [])]
        photo = next((each for each in known if each.id == id), None)
        if photo is None:
            raise Refused("not_found")
        if id not in self._drawn:
            try:
                self._drawn[id] = await anyio.to_thread.run_sync(drawn, photo.path)
            except (OSError, ValueError):
                raise Refused("not_found", why=f"{photo.path.name} can't be read any more") from None
        return self._drawn[id]


def album(folder: Path) -> Album:
    """Of a folder: the file called `portrait`, and all others in the order of their names, which are their captions.

    Raises BadInput for a folder that isn't one, or a file in it that isn't a JPEG, PNG or WebP picture.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder.name or folder} is no folder of pictures", next="name one with --album")
    files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if len(files) > MOST_PHOTOS:
        raise BadInput(f"there are more than {MOST_PHOTOS} files in {folder.name}", next="choose the best of them")
    strange = [path.name for path in files if not _kind(path)]
    if strange:
        raise BadInput(f"{', '.join(strange[:3])} in {folder.name}: no JPEG, PNG or WebP picture", next="take it out")
    own = next((path for path in files if path.stem.casefold() == PORTRAIT), None)
    others = [path for path in files if path != own]
    photos = [Photo(f"photo-{n}", caption(path.stem), path) for n, path in enumerate(others, 1)]
    return Album(Photo(PORTRAIT, "", own) if own else None, photos)


def caption(name: str) -> str:
    """A file's name as it is read to somebody: `01_sunday-dinner-1962` is `Sunday dinner 1962`."""
    words = re.sub(r"[-_\s]+", " ", re.sub(r"^\d{1,3}[-_. ]+", "", name)).strip()
    return (words[:1].upper() + words[1:])[:120]


def albums(said: Sequence[str], companion: str, known: Collection[str]) -> dict[str, Album]:
    """From `ID=FOLDER`, or just `FOLDER` for the companion that is talked to. Raises BadInput for others' than `known`."""
    found: dict[str, Album] = {}
    for one in said:
        owner, equals, folder = one.partition("=")
        if not equals and not companion:
            raise BadInput("it isn't said whose pictures these are", next="say --album ID=FOLDER")
        if equals and owner not in known:
            raise BadInput(
                "there is no companion with the id before that =", next=f"say one of: {', '.join(known) or 'none yet'}"
            )
        found[owner if equals else companion] = album(Path(folder if equals else one))
    return found


def drawn(path: Path) -> bytes:
    """The picture as a JPEG, upright, no larger than a page shows it. Blocking. Raises ValueError for none."""
    import numpy as np  # pictures are few, and no other part of the page needs it

    kind = _kind(path)
    if not kind or path.stat().st_size > MOST_BYTES:
        raise ValueError("no picture")
    video = _video()
    with video.open(io.BytesIO(path.read_bytes()), format=kind) as file:
        shape = file.streams.video[0].codec_context
        if shape.width * shape.height > MOST_PIXELS:
            raise ValueError("too large")
        frame = next(iter(file.decode(video=0)), None)
        if frame is None:
            raise ValueError("no picture")
        shrunk = min(1.0, WIDEST / max(frame.width, frame.height))
        width, height = (max(2, int(side * shrunk)) for side in (frame.width, frame.height))
        pixels = frame.reformat(width, height, format="rgb24").to_ndarray()
        upright = np.ascontiguousarray(np.rot90(pixels, k=round(frame.rotation / 90)))
    return _jpeg(video.VideoFrame.from_ndarray(upright, format="rgb24"))


def _jpeg(frame: Any) -> bytes:
    made = io.BytesIO()
    with _video().open(made, "w", format="mjpeg") as file:
        stream = file.add_stream("mjpeg", rate=1)
        stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, "yuvj420p"
        stream.options = {"qmin": "3", "qmax": "3"}
        for packet in [*stream.encode(frame.reformat(format="yuvj420p")), *stream.encode()]:
            file.mux(packet)
    return made.getvalue()


def _video() -> Any:
    import av  # 100 ms that a page without pictures needn't wait for

    return av


def _kind(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(12)
    known: Mapping[bytes, str] = dict(_KINDS)
    kind = next((name for magic, name in known.items() if start.startswith(magic)), "")
    return "" if kind == "webp_pipe" and start[8:] != b"WEBP" else kind
