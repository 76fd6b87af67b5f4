"""Consent records of a workspace: asked for, signed when written, checked when read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError

from ..caller import Answer, Caller, Declined
from ..companion.consent import STATEMENT, Consent, Granting, genuine, misfit, sign
from ..companion.spec import ConsentBlock, ConsentKind, Status, name_key
from ..errors import BadInput, NeedsConsent
from ..settings import Consenting
from .ledger import Ledger
from .plan import Plan


class Agreement(BaseModel):
    agree: Annotated[bool, Field(description="Yes, this voice may be cloned for a private companion")]


class Grant(Agreement):
    kind: ConsentKind
    granted_by: Annotated[str, Field(description="Who agrees", max_length=80)]


@dataclass(frozen=True, slots=True)
class About:
    """Whose voice a consent is about, and the sha256 of the very bytes. `status` is None where nobody said it."""

    companion: str | None
    subject: str
    status: Status | None
    recordings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Consents:
    """`policy` elicit: only what a person answered counts; attest: an attestation made for them does too."""

    ledger: Ledger
    key: Callable[[], bytes]
    policy: Consenting = "attest"
    clock: Callable[[], float] = time.time

    async def attest(self, about: About, block: ConsentBlock, caller: Caller) -> Consent:
        """Record a consent that was given; confirmed by the person themselves where the caller can ask them."""
        wrong = misfit(block.kind, about.status or "living", block.granted_by, about.subject)
        if wrong:
            raise BadInput(wrong, next="ask who may decide, and record that kind of consent")
        who = f"{block.kind.replace('_', ' ')}, {block.granted_by}"
        question = f"May the voice of {about.subject} be cloned for a private memory companion? ({who})"
        return self._keep(about, block, self._granting(await _asked(question, Agreement, caller), about.subject))

    async def ask(self, about: About, caller: Caller) -> Consent:
        """Ask whoever is at the other end. Raises NeedsConsent without a yes."""
        question = f"May the voice of {about.subject} be cloned for a private memory companion? Who agrees?"
        answer = await _asked(question, Grant, caller)
        if answer is None or not answer.agree:
            raise NeedsConsent(f"nobody has allowed yet that the voice of {about.subject} is cloned")
        wrong = misfit(answer.kind, about.status or "living", answer.granted_by, about.subject)
        if wrong:
            raise NeedsConsent(wrong)
        return self._keep(about, ConsentBlock(kind=answer.kind, granted_by=answer.granted_by), "elicited")

    def require(self, about: About) -> None:
        """Raise NeedsConsent unless a consent covers this person, this companion and every one of these very bytes."""
        if self.covering(about) is None:
            raise NeedsConsent("nobody has allowed yet that this voice is cloned from these recordings")

    def covering(self, about: About) -> Consent | None:
        """A genuine, current consent for just this."""
        now = self.clock()
        fitting = (c for c in self._genuine(about.companion) if _fits(c, about) and c.covers(about.recordings, now))
        return next(fitting, None)

    def _genuine(self, companion: str | None) -> Iterator[Consent]:
        key = self.key()
        for body, signature in self.ledger.consents(companion):
            consent = _read(body)
            if consent and genuine(consent, signature, key) and self._counts(consent):
                yield consent

    def _counts(self, consent: Consent) -> bool:
        return consent.granting == "elicited" or self.policy == "attest"

    def _granting(self, answer: Agreement | None, subject: str) -> Granting:
        if answer is not None and not answer.agree:
            raise NeedsConsent(f"cloning the voice of {subject} was declined")
        if answer is None and self.policy == "elicit":
            raise NeedsConsent(
                "here only a person's own answer counts as consent, and this client can't ask one",
                next="use a client with elicitation, or set STORYKEEPER_CONSENT=attest",
            )
        return "attested" if answer is None else "elicited"

    def _keep(self, about: About, block: ConsentBlock, granting: Granting) -> Consent:
        statement = block.statement or STATEMENT
        consent = Consent(
            companion=about.companion,
            subject=about.subject,
            status=about.status or "living",
            kind=block.kind,
            granted_by=block.granted_by,
            relation=block.relation,
            statement=statement,
            statement_sha256=sha256(statement.encode()).hexdigest(),
            granting=granting,
            recordings=tuple(sorted(about.recordings)),
            granted_at=int(self.clock()),
        )
        self.ledger.keep_consent(consent.id, consent.model_dump(mode="json"), sign(consent, self.key()))
        return consent


def about(plan: Plan) -> About:
    """What a consent to this plan is about."""
    subject = plan.spec.subject
    return About(plan.companion, subject.name, subject.status, tuple(plan.hashes))


async def _asked(question: str, form: type[Answer], caller: Caller) -> Answer | None:
    try:
        return await caller.ask(question, form)
    except Declined:
        raise NeedsConsent("the person who was asked did not agree") from None


def _read(body: object) -> Consent | None:
    """A record; None for one that was edited out of shape, which counts for nothing."""
    try:
        return Consent.model_validate(body)
    except ValidationError:
        return None


def _fits(consent: Consent, about: About) -> bool:
    """A consent is for one person and one companion, or for a voice on its own."""
    person = name_key(consent.subject) == name_key(about.subject) and about.status in {None, consent.status}
    return person and consent.companion == about.companion
