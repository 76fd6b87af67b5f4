"""The text of a PDF, page by page, as lines with their places."""

from __future__ import annotations

import io
from typing import Any

import pypdf
from pypdf.errors import DependencyError, LimitReachedError

from ....errors import BadInput
from .encoding import writable
from .isolation import Parsed, Part
from .pages import Line, paragraphs

PAGES = 2_000


def parse(data: bytes) -> Parsed:
    """The paragraphs of all pages. Raises BadInput for a file that is locked, damaged, too long or only pictures."""
    try:
        reader = pypdf.PdfReader(io.BytesIO(data))
        if reader.is_encrypted and not reader.decrypt(""):
            raise BadInput("is locked with a password", next="save a copy without the password, and give that")
        if len(reader.pages) > PAGES:
            raise BadInput(
                f"has {len(reader.pages):,} pages; at most {PAGES:,} are read", next="split it into several files"
            )
        pages = [_lines(page) for page in reader.pages]
    except (BadInput, MemoryError, RecursionError):
        raise
    except LimitReachedError as error:
        raise BadInput(
            "unpacks to more than is read", next="split it into several files, or save it as .txt"
        ) from error
    except DependencyError as error:
        raise BadInput("is locked in a way that isn't known", next="save a copy without the lock") from error
    except Exception as error:  # the parser meets a hostile file with any error
        raise BadInput("is a damaged or cut-off PDF", next="save or copy it again, or save it as .txt") from error
    if not any(pages):
        raise BadInput("has no text in it: its pages are pictures", next="run text recognition (OCR) on it, or type it")
    return Parsed("", tuple(Part(*each) for each in paragraphs(pages)))


def _lines(page: pypdf.PageObject) -> list[Line]:
    """In the order of the file, which is the order of reading wherever columns are."""
    found: list[Line] = []
    text, place = "", (0.0, 0.0, 0.0)

    def end() -> None:
        nonlocal text
        if text.strip():
            found.append(Line(writable(" ".join(text.split())), *place))
        text = ""

    def see(said: str, cm: list[float], tm: list[float], _font: Any, size: float) -> None:
        nonlocal text, place
        for n, piece in enumerate(said.split("\n")):
            if n:
                end()
            if piece.strip() and not text.strip():
                place = (cm[0] * tm[4] + cm[4], cm[3] * tm[5] + cm[5], abs(size * tm[3] * cm[3]) or size)
            text += piece

    page.extract_text(visitor_text=see)
    end()
    return found
