"""What web developers embed: files that run as they are, with the companion's id and name put in."""

from __future__ import annotations

import html
from collections.abc import Mapping
from importlib import resources

SNIPPETS: Mapping[str, tuple[str, str]] = {
    "html": ("page.html", "a page with ElevenLabs' own widget, which gets its signed URL when a visitor wants to talk"),
    "react": ("Companion.jsx", "a React component, with @elevenlabs/react"),
    "card": ("card.html", "a voice card of one's own, with @elevenlabs/client"),
    "flask": ("flask_app.py", "a server in Flask with the session route that the pages need"),
    "fastapi": ("fastapi_app.py", "a server in FastAPI with the session route that the pages need"),
}
"""By their names on the command line: the file, and what it is."""
ID, NAME = "COMPANION_ID", "COMPANION_NAME"


def snippet(kind: str, companion: str, name: str) -> str:
    """One of them for a companion. Ids are letters, digits and dashes; a name may be anything, and stands in HTML alone."""
    return text(kind).replace(ID, companion).replace(NAME, html.escape(name))


def text(kind: str) -> str:
    """As it is in the file."""
    file, _ = SNIPPETS[kind]
    return resources.files(__name__.rpartition(".")[0]).joinpath("embed", file).read_text(encoding="utf-8")
