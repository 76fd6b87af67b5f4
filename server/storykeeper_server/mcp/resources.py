"""Resources: files that a host may show or hand to whoever writes a web page."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from mcp.server.mcpserver.resources import FunctionResource, Resource

_MIMES = {"html": "text/html", "jsx": "text/jsx", "py": "text/x-python"}


def resources(snippets: Mapping[str, tuple[str, str]], read: Callable[[str], str]) -> list[Resource]:
    """One for each snippet, which is read when somebody asks for it."""
    return [
        FunctionResource(
            uri=f"storykeeper://embed/{kind}",
            name=file,
            title=f"Embed a companion: {kind}",
            description=f"{about[:1].upper()}{about[1:]}; put the companion's id and name in the place of COMPANION_ID and COMPANION_NAME",
            mime_type=_MIMES[file.rpartition(".")[2]],
            fn=partial(read, kind),
        )
        for kind, (file, about) in snippets.items()
    ]
