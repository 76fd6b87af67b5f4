"""How a deletion is allowed: by a person who is asked, or by a token for just that, which somebody was given to show them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..caller import Caller
from ..part import part
from ..settings import Consenting
from . import goahead
from .confirms import Confirms
from .workspace import Workspace


@dataclass(frozen=True, slots=True)
class Way:
    """What its token is for, the command that asks a person, and the call, but for its end."""

    action: str
    subject: str
    command: str
    call: str


@part
class Allowing:
    """`asks` says of each whether a person can be asked here; a command asks them itself, before."""

    policy: Consenting
    confirms: Confirms
    workspace: Workspace

    @property
    def strict(self) -> bool:
        """Whether only a person's own yes counts."""
        return self.policy == "elicit"

    def to_be_shown(self, confirm: str, *, asks: bool) -> bool:
        """Whether somebody is to be told first what would go: a token says that they were, where it counts."""
        return not confirm or (asks and self.strict)

    async def agreed(self, of: str, effects: Sequence[str], caller: Caller) -> bool:
        question = goahead.deletion(of, effects, self.workspace.notes)
        return await goahead.agreed(question, caller, exists="nothing was deleted")

    def offer(self, way: Way, *, asks: bool) -> tuple[str, str]:
        """A token that allows just that, none where it wouldn't count; and what to do next."""
        if asks and self.strict:
            nobody = "nothing was deleted: here only a person's own yes counts, and this client can't ask for it"
            return "", f"{nobody}; {goahead.only(way.command)}"
        confirm = self.confirms.give(way.action, way.subject)
        ask = "ask the person whether that may be deleted; if so"
        return confirm, f"{ask}, {way.call}, confirm={confirm}) within ten minutes"
