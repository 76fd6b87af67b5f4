"""Resources: what a host may show of companions, how to make good ones, and files for whoever writes a web page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from importlib import resources as packaged
from typing import Any

from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError
from mcp.server.mcpserver.resources import FunctionResource, Resource
from mcp.types import Resource as Listed

from storykeeper_tools.errors import NotFound, StorykeeperError

from .shelf import Shelf

GUIDE = "storykeeper://guide"
SCHEME = "companion://"
EVERY = f"{SCHEME}*"  # what changes when companions come and go
LISTED = 100
_MIMES = {"html": "text/html", "jsx": "text/jsx", "py": "text/x-python"}


def resources(snippets: Mapping[str, tuple[str, str]], read: Callable[[str], str]) -> list[Resource]:
    """The guide, and one for each snippet, which is read when somebody asks for it."""
    return [
        FunctionResource(
            uri=GUIDE,
            name="guide.md",
            title="How to make a good companion",
            description="Recordings, memories, consent, the order of the calls, and what to do when something is wrong",
            mime_type="text/markdown",
            fn=guide,
        ),
        *(
            FunctionResource(
                uri=f"storykeeper://embed/{kind}",
                name=file,
                title=f"Embed a companion: {kind}",
                description=f"{about[:1].upper()}{about[1:]}; put the companion's id and name in the place of COMPANION_ID and COMPANION_NAME",
                mime_type=_MIMES[file.rpartition(".")[2]],
                fn=partial(read, kind),
            )
            for kind, (file, about) in snippets.items()
        ),
    ]


def guide() -> str:
    return packaged.files(__package__ or "").joinpath("guide.md").read_text(encoding="utf-8")


# What there is of a companion: its title, what it is, its MIME type, and how a shelf reads it.
_PARTS: Mapping[str, tuple[str, str, str, Callable[[Shelf, str], Awaitable[str]]]] = {
    "": ("A companion", "Its state and ids, and whether it is as it was made", "application/json", Shelf.state),
    "/memories": ("Its memory book", "All that it was told, with sources", "text/markdown", Shelf.memories),
    "/plan": ("Its plan", "The change that waits, or else what it is made from", "application/json", Shelf.plan),
    "/rehearsal": ("Its last rehearsal", "What it said, and how it was graded", "text/markdown", Shelf.rehearsal),
    "/receipt": ("The receipt of its deletion", "By its id or the receipt's", "application/json", Shelf.receipt),
}


def addresses() -> list[str]:
    """Of the templates."""
    return [f"{SCHEME}{{id}}{path}" for path in _PARTS]


def add_templates(server: MCPServer[None], shelf: Shelf) -> None:
    """A template for each thing that there is of a companion."""
    for path, (title, about, mime, read) in _PARTS.items():
        name = f"companion{path.replace('/', '-')}"
        add = server.resource(f"{SCHEME}{{id}}{path}", name=name, title=title, description=about, mime_type=mime)
        add(_refusing(partial(read, shelf)))


def _refusing(read: Callable[[str], Awaitable[str]]) -> Callable[..., Any]:
    async def call(id: str) -> str:
        try:
            return await read(id)
        except NotFound as error:
            raise ResourceNotFoundError(str(error)) from error
        except StorykeeperError as error:
            raise ResourceError(str(error)) from error

    return call


def listed(shelf: Shelf) -> list[Listed]:
    """The newest companions, so that a host can show them: few offer templates."""
    about = "A memory companion: its state and ids. Beside it there are /memories, /plan, /rehearsal"
    return [
        Listed(uri=SCHEME + c.id, name=c.id, title=c.name, description=about, mime_type="application/json")
        for c in shelf.all()[:LISTED]
    ]


def companion_of(uri: str) -> str:
    """The id in a resource's address; nothing for what is no companion's."""
    return uri.removeprefix(SCHEME).partition("/")[0] if uri.startswith(SCHEME) else ""
