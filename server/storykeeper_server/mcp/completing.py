"""What a host offers while somebody types an argument: companions, languages, codes of errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mcp import MCPError
from mcp.server.mcpserver.prompts.base import Prompt
from mcp.types import INVALID_PARAMS, Completion, CompletionArgument, PromptReference, ResourceTemplateReference

from storykeeper_tools.companion.language import offered
from storykeeper_tools.companion.spec import name_key
from storykeeper_tools.errors import StorykeeperError

from .guiding import codes
from .resources import addresses
from .shelf import Shelf, found_by

MOST = 100  # by the specification

Complete = Callable[[Any, CompletionArgument, Any], Any]


def completing(prompts: Iterable[Prompt], shelf: Shelf) -> Complete:
    """Answers what an argument of a prompt, or of a resource's address, may be."""
    known = {prompt.name: {argument.name for argument in prompt.arguments or ()} for prompt in prompts}
    values: Mapping[str, Callable[[str], Sequence[str]]] = {
        "companion": lambda typed: _companions(shelf, typed),
        "language": lambda typed: _beginning(offered(), typed),
        "problem": lambda typed: _beginning(sorted(codes()), typed),
    }

    async def complete(
        ref: PromptReference | ResourceTemplateReference, argument: CompletionArgument, context: Any
    ) -> Completion:
        try:
            if isinstance(ref, ResourceTemplateReference):
                return _shown(_addressed(shelf, ref.uri, argument))
            if argument.name not in known.get(ref.name, ()):
                raise MCPError(INVALID_PARAMS, "There is no such prompt, or it has no such argument")
            return _shown(values.get(argument.name, _nothing)(argument.value))
        except StorykeeperError:  # a ledger that can't be read now: whoever types goes on typing
            return _shown([])

    return complete


def _addressed(shelf: Shelf, uri: str, argument: CompletionArgument) -> Sequence[str]:
    if uri not in addresses() or argument.name != "id":
        raise MCPError(INVALID_PARAMS, "There is no such template, or it has no such argument")
    found = sorted(companion.id for companion in shelf.all() if found_by(argument.value, companion))
    return [*found, *_beginning(shelf.receipted(), argument.value)] if uri.endswith("/receipt") else found


def _companions(shelf: Shelf, typed: str) -> Sequence[str]:
    """Ids, and the names that only one has: tools take both."""
    known = shelf.all()
    count = Counter(companion.name_key for companion in known)
    ids = sorted(companion.id for companion in known if found_by(typed, companion))
    names = sorted(c.name for c in known if count[c.name_key] == 1 and found_by(typed, c))
    return [*ids, *names]


def _beginning(values: Iterable[str], typed: str) -> Sequence[str]:
    return [value for value in values if value.startswith(name_key(typed).replace(" ", "_"))]


def _nothing(typed: str) -> Sequence[str]:
    return []


def _shown(values: Sequence[str]) -> Completion:
    return Completion(values=list(values[:MOST]), total=len(values), has_more=len(values) > MOST)
