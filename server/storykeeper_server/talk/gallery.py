"""What a visitor is shown: the companions that are made, and what each can tell about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread

from storykeeper_tools.companion.language import DEFAULT, offered, phrases, table
from storykeeper_tools.companions import Companions
from storykeeper_tools.errors import Conflict, NotFound
from storykeeper_tools.provisioning.ledger import Companion
from storykeeper_tools.provisioning.plan import Plan
from storykeeper_tools.provisioning.proposals import Proposals

from .desk import Desk, told
from .pictures import PORTRAIT, Album
from .refusals import Refused

_MOST_KEPT = 64


@dataclass(slots=True)
class Gallery:
    """`sandbox`: nothing that is heard is real, which the page says. `only`: the one companion that is shown, if not all."""

    companions: Companions
    desk: Desk
    albums: Mapping[str, Album] = field(default_factory=dict[str, Album])
    sandbox: bool = False
    only: str = ""
    _topics: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])

    def all(self, language: str = DEFAULT) -> dict[str, Any]:
        """The cards, with the page's words in a visitor's language. What isn't finished, or is being forgotten, isn't named."""
        ledger, door = self.desk.sessions.ledger, self.desk.sessions.door
        shown = [c for c in ledger.companions() if door(c) != "unfinished" and self.only in {"", c.id}]
        cards = [self._card(companion) for companion in shown]
        words = dict(table(language, "talk"))
        return {"companions": cards, "language": language, "words": words, "sandbox": self.sandbox}

    async def one(self, id: str) -> dict[str, Any]:
        """A companion's page; what it tells and shows only while it receives visitors. Raises Refused."""
        known = self.known(id)
        plan = self._plan(known)
        language = plan.spec.language
        opened = self.desk.sessions.door(known) == "ready"
        photos = self._album(known).photos if opened else ()
        return {
            **self._card(known),
            "max_minutes": self.desk.minutes(known),
            "topics": await self._told(known, plan) if opened else [],
            "photos": [{"id": photo.id, "caption": photo.caption} for photo in photos],
            "words": dict(table(language, "talk")),
            "crisis": crisis(language),
            "sandbox": self.sandbox,
        }

    async def picture(self, id: str, photo: str) -> bytes:
        """A JPEG. Raises Refused."""
        known = self.known(id)
        if photo != PORTRAIT and self.desk.sessions.door(known) != "ready":
            raise Refused("paused")
        return await self._album(known).picture(photo)

    def propose(self, companion: Companion, text: str) -> None:
        """Keep a correction for the keeper. Raises Refused."""
        try:
            Proposals(self.desk.sessions.ledger).add(companion, text)
        except Conflict as error:
            raise Refused("full", why=error.code) from None

    def known(self, id: str) -> Companion:
        """A companion that is shown here."""
        found = self.desk.known(id)
        if self.only not in {"", found.id}:
            raise Refused("not_found")
        return found

    def _card(self, companion: Companion) -> dict[str, Any]:
        spec = self._plan(companion).spec
        return {
            "id": companion.id,
            "name": companion.name,
            "relation": spec.subject.relation,
            "language": spec.language,
            "portrait": self._album(companion).portrait is not None,
            "state": self.desk.sessions.door(companion),
        }

    def _album(self, companion: Companion) -> Album:
        return self.albums.get(companion.id) or Album()

    def _plan(self, companion: Companion) -> Plan:
        try:
            return self.companions.planner.made_from(companion)
        except NotFound:
            raise Refused("not_found") from None

    async def _told(self, companion: Companion, plan: Plan) -> list[dict[str, Any]]:
        """The same as long as the plan is; reading a long book takes a moment."""
        if plan.plan_id not in self._topics:
            async with told():
                found = await anyio.to_thread.run_sync(self._read, companion, plan)
            while len(self._topics) >= _MOST_KEPT:
                self._topics.pop(next(iter(self._topics)))
            self._topics[plan.plan_id] = found
        return self._topics[plan.plan_id]

    def _read(self, companion: Companion, plan: Plan) -> list[dict[str, Any]]:
        from storykeeper_tools.companion.memories.documents import parse  # only where somebody looks
        from storykeeper_tools.companion.memories.topics import topics

        texts = [self.companions.stager.blobs.read(m.sha256).decode() for m in plan.memories if m.type == "text"]
        spec = plan.spec
        found = topics(parse(*texts), name=companion.name, language=spec.language, corrections=spec.corrections)
        return [{"title": topic.title, "lines": list(topic.lines)} for topic in found]


def spoken(accepted: str) -> str:
    """The first language of an Accept-Language header that we have words in."""
    ranges = [part.partition(";") for part in accepted[:500].split(",")]
    wanted = sorted(ranges, key=lambda part: -_weight(part[2]))
    codes = (code.strip().lower().partition("-")[0] for code, _, _ in wanted)
    return next((code for code in codes if code in offered()), DEFAULT)


def _weight(said: str) -> float:
    found = re.fullmatch(r"\s*q=([01](?:\.\d{1,3})?)\s*", said)
    return float(found[1]) if found else 1.0


def crisis(language: str) -> dict[str, Any]:
    """The words for somebody in distress, and the numbers in them."""
    rows = table(language, "helplines")["lines"]
    numbers = [{"number": number, "name": name, "where": where} for number, name, where in rows]
    return {"text": phrases(language)["crisis"], "numbers": numbers}
