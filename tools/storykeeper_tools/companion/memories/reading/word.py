"""DOCX as Markdown: headings, lists, tables and footnotes; what a tracked change deleted stays deleted."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any, cast

import mammoth  # pyright: ignore[reportMissingTypeStubs] - it ships none

from ....errors import BadInput
from .isolation import Parsed
from .markup import converted

LARGEST = 32 * 1024 * 1024
_HEADINGS = ("Überschrift", "Titre", "Título", "Titolo", "Rubrik", "标题")
_STYLES = "\n".join(
    [
        "p[style-name='Title'] => h1:fresh",
        "p[style-name='Subtitle'] => h2:fresh",
        *(f"p[style-name='{name} {n}'] => h{n}:fresh" for name in _HEADINGS for n in range(1, 7)),
    ]
)


def parse(data: bytes) -> Parsed:
    """Raises BadInput for a damaged one, one that unpacks to more than 32 MB, or one without text."""
    try:
        _weighed(data)
        html = _html(io.BytesIO(data))
    except (MemoryError, RecursionError, BadInput):
        raise
    except Exception as error:  # the parser meets a hostile file with any error
        raise BadInput("is a damaged DOCX file", next="open it, save it again as .docx, or as .txt") from error
    return converted(html)


def _html(file: io.BytesIO) -> str:
    convert = cast("Any", mammoth).convert_to_html
    html = convert(file, style_map=_STYLES, include_embedded_style_map=False, convert_image=_dropped).value
    return re.sub(r'<a href="#[^"]*">↑</a>', "", html)  # the way back from a footnote


def _dropped(_image: Any) -> list[Any]:
    return []


def _weighed(data: bytes) -> None:
    """Before anything is unpacked; no more than what is declared is ever unpacked."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        size = sum(part.file_size for part in archive.infolist() if part.filename.endswith((".xml", ".rels")))
    if size > LARGEST:
        raise BadInput("unpacks to more than 32 MB of text", next="split it into several files, or save it as .txt")
