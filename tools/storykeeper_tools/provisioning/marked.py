"""What carries a marker of ours at the service: a voice in its description, a document at the start of its name, an
agent among its tags.

Searches and filters only make lists shorter. What counts is the exact marker, whichever page it is on.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Collection
from functools import partial

from ..elevenlabs.client import ElevenLabs
from ..elevenlabs.models import AgentSummary, Document, Voice
from ..errors import UnexpectedAnswer
from ..model import Model
from .ledger import Resource
from .plan import Kind

MOST_PAGES = 500  # of a hundred each: more than any account holds, so a list that is longer has no end


class Marked(Model):
    """`slot` is the start of the content's hash, which documents show, and voices that took the place of another;
    `made_at` is in unix seconds."""

    kind: Kind
    id: str
    name: str
    marker: str
    slot: str = ""
    type: str = ""
    unproven: bool = False
    made_at: int | None = None

    def beside(self, row: Resource) -> bool:
        """Whether it is another one of what a row of the ledger stands for."""
        place = (self.marker, self.kind, self.slot[:8])
        return place == (row.marker, row.kind, row.slot[:8]) and self.id != row.id


Page = tuple[list[Marked], str | None]
Ask = Callable[[str | None], Awaitable[Page]]


async def marked(
    elevenlabs: ElevenLabs, marker: str | None = None, kinds: Collection[Kind] = ("agent", "document", "voice")
) -> list[Marked]:
    """Everything with this marker, or with any of ours: agents, archived ones too, then documents, then voices.

    Raises UnexpectedAnswer for a list without an end, which would let us believe that something isn't there.
    """
    asks: list[tuple[Kind, Ask]] = [
        ("agent", partial(_agents, elevenlabs, marker, False)),
        ("agent", partial(_agents, elevenlabs, marker, True)),
        ("document", partial(_documents, elevenlabs, marker, "")),
        ("voice", partial(_voices, elevenlabs, marker)),
    ]
    found = [thing for kind, ask in asks if kind in kinds for thing in await _walk(ask)]
    return list({(thing.kind, thing.id): thing for thing in found}.values())


async def find(elevenlabs: ElevenLabs, kind: Kind, marker: str, slot: str = "") -> Marked | None:
    """The newest thing of a kind with exactly this marker; of documents and voices, with this content."""
    asks: dict[Kind, Ask] = {
        "voice": partial(_voices, elevenlabs, marker, slot=slot[:8]),
        "document": partial(_documents, elevenlabs, marker, slot[:8]),
        "agent": partial(_agents, elevenlabs, marker, False),
    }
    return next(iter(await _walk(asks[kind], enough=1)), None)


async def _walk(ask: Ask, enough: int | None = None) -> list[Marked]:
    """What the pages of a list have, to its end, or until there is enough."""
    found: list[Marked] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page, cursor = await ask(cursor)
        found += page
        if not cursor or (enough and len(found) >= enough):
            return found
    raise UnexpectedAnswer("a list of ElevenLabs has no end", exists="nothing was changed")


async def _voices(elevenlabs: ElevenLabs, marker: str | None, cursor: str | None, slot: str | None = None) -> Page:
    """Those with a slot, which may be none; or all."""
    more = {"next_page_token": cursor} if cursor else {}
    page = await elevenlabs.voices(page_size=100, sort="created_at_unix", sort_direction="desc", **more)
    found = [_voice(v, *told.groups("")) for v in page.voices if (told := _tag(v, marker))]
    asked = [voice for voice in found if slot is None or voice.slot == slot]
    return asked, page.next_page_token if page.has_more else None


async def _documents(elevenlabs: ElevenLabs, marker: str | None, slot: str, cursor: str | None) -> Page:
    form = _named(marker, slot)
    search = {"search": f"{marker}.{slot}"} if marker else {}
    more = {"cursor": cursor} if cursor else {}
    page = await elevenlabs.documents(page_size=100, sort_by="created_at", sort_direction="desc", **search, **more)
    documents = [d for d in page.documents if d.type != "folder"]
    found = [_document(d, *carried.groups()) for d in documents if (carried := form.match(d.name))]
    return found, page.next_cursor if page.has_more else None


async def _agents(elevenlabs: ElevenLabs, marker: str | None, archived: bool, cursor: str | None) -> Page:
    form = re.compile(_form(marker))
    tags = {"tags": [marker]} if marker else {}
    more = {"archived": "true"} if archived else {}
    more |= {"cursor": cursor} if cursor else {}
    page = await elevenlabs.agents(page_size=100, sort_by="created_at", sort_direction="desc", **tags, **more)
    found = [_agent(a, carried) for a in page.agents if (carried := next(filter(form.fullmatch, a.tags), ""))]
    return found, page.next_cursor if page.has_more else None


def carried(voice: Voice) -> str:
    """The marker of ours that a voice has; nothing for any other."""
    found = _tag(voice, None)
    return found[1] if found else ""


def _tag(voice: Voice, marker: str | None) -> re.Match[str] | None:
    return re.search(rf"\[({_form(marker)})(?:\.([0-9a-f]{{8}}))?\]", voice.description or "")


def _voice(voice: Voice, marker: str, slot: str) -> Marked:
    return Marked(
        kind="voice",
        id=voice.voice_id,
        name=voice.name or "",
        marker=marker,
        slot=slot,
        unproven=voice.unproven,
        made_at=voice.created_at_unix,
    )


def _document(document: Document, marker: str, slot: str) -> Marked:
    return Marked(
        kind="document",
        id=document.id,
        name=document.name,
        marker=marker,
        slot=slot,
        type=document.type,
        made_at=document.metadata.created_at_unix_secs if document.metadata else None,
    )


def _agent(agent: AgentSummary, marker: str) -> Marked:
    made_at = agent.created_at_unix_secs
    return Marked(kind="agent", id=agent.agent_id, name=agent.name, marker=marker, made_at=made_at)


def is_ours(document: str) -> bool:
    """Whether a document of that name carries a marker."""
    return _named(None).match(document) is not None


def _named(marker: str | None, slot: str = "") -> re.Pattern[str]:
    return re.compile(rf"({_form(marker)})\.({slot or '[0-9a-f]{8}'}) ")


def _form(marker: str | None) -> str:
    return re.escape(marker) if marker else "keep-[0-9a-f]{20}"
