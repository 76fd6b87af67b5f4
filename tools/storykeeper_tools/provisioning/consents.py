"""Consent records of a workspace: asked for, signed when written, checked when read and before each voice is sent."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from hashlib import file_digest, sha256
from typing import Annotated, Literal

import anyio.to_thread
from pydantic import Field

from ..caller import Answer, Caller, Declined
from ..companion.consent import STATEMENT, About, Consent, Granting, digest, end_of, genuine, misfit, read, seal, sign
from ..companion.spec import ConsentBlock, ConsentKind, name_key
from ..errors import BadInput, NeedsConsent
from ..files import named
from ..model import Model
from ..part import part
from ..settings import Consenting
from .edits import VOICE
from .kinds import Wanted, WantedVoice
from .ledger import Companion, Ledger
from .plan import Plan
from .tree import at

NOBODY = About(None, "", None, ())
ONLY_IF_SAID = "ask what they want instead; call again only if they say so"  # a no is no reason to ask again
Standing = Literal["holds", "over", "taken back", "changed", "replaced", "not enough here"]


class Agreement(Model):
    agree: Annotated[bool, Field(description="Yes, this voice may be cloned for a private companion")]


class Grant(Agreement):
    kind: Annotated[
        ConsentKind, Field(description="The person (self), a guardian, or, of the dead, an executor or heir")
    ]
    granted_by: Annotated[str, Field(description="The name of who agrees", max_length=80)]


@part
class Consents:
    """`policy` elicit: only what a person answered counts; attest: an attestation made for them does too."""

    ledger: Ledger
    key: Callable[[], bytes]
    policy: Consenting = "attest"
    clock: Callable[[], float] = time.time

    # Giving

    async def attest(self, about: About, block: ConsentBlock, caller: Caller) -> Consent:
        """Record a consent that was given; confirmed by the person themselves where the caller can ask them."""
        wrong = _unfit(about, block.kind, block.granted_by)
        if wrong:
            raise BadInput(wrong, next="ask who may decide, and record that kind of consent")
        self._refuse_over(about, block)
        evidence = await anyio.to_thread.run_sync(_evidence, block.evidence) if block.evidence else None
        who = f"{block.kind.replace('_', ' ')}, {block.granted_by}"
        question = f"May the voice of {about.subject} be cloned for a private memory companion? ({who})"
        granting = self._granting(await _asked(question, Agreement, caller), about.subject)
        return self._keep(about, block, granting, evidence)

    async def ask(self, about: About, caller: Caller) -> Consent:
        """Ask whoever is at the other end. Raises NeedsConsent without a yes."""
        self._refuse_over(about)
        question = f"May the voice of {about.subject} be cloned for a private memory companion? Who agrees?"
        answer = await _asked(question, Grant, caller)
        if answer is None and self.policy == "elicit":
            raise self._nobody_asked()
        if answer is None:
            raise NeedsConsent(f"nobody has allowed yet that the voice of {about.subject} is cloned")
        if not answer.agree:
            raise NeedsConsent(f"cloning the voice of {about.subject} was declined", next=ONLY_IF_SAID)
        wrong = _unfit(about, answer.kind, answer.granted_by)
        if wrong:
            raise NeedsConsent(wrong)
        return self._keep(about, ConsentBlock(kind=answer.kind, granted_by=answer.granted_by), "elicited")

    def _refuse_over(self, about: About, block: ConsentBlock | None = None) -> None:
        """Nobody is asked for what couldn't be recorded."""
        if about.companion:
            self.ledger.refuse_revoked(about.companion)
        self._refuse_taken_back(about)
        end = end_of(block.expires) if block and block.expires else None
        if end is not None and end <= self.clock():
            raise BadInput("that consent is over already", next="give a later day, or none")

    def _refuse_taken_back(self, about: About) -> None:
        """The same bytes are the same voice, whatever it is called now."""
        records = {id: row for sha256 in about.recordings for id, row in self.ledger.consents_to(sha256).items()}
        for body, signature in records.values():
            record = read(body)
            if record and self._standing(record, signature) == "taken back":
                raise NeedsConsent(
                    "the consent to one of these recordings was taken back",
                    next="delete what was made under it (forget the companion, delete_resource the voice); then ask anew",
                )

    # Checking

    def permit(self, wanted: Wanted) -> None:
        """Called before each thing is asked for, and again when a voice is about to leave: a run may have waited for
        days. Raises NeedsConsent."""
        if wanted.companion:
            self.ledger.refuse_revoked(wanted.companion)
        if isinstance(wanted, WantedVoice):
            sent = tuple(recording.sha256 for recording in wanted.recordings)
            self.require(replace(wanted.consent or NOBODY, recordings=sent))

    def require(self, about: About) -> None:
        """Raise NeedsConsent unless a consent covers this person, this companion and every one of these very bytes."""
        if about.companion:
            self.ledger.refuse_revoked(about.companion)
        if self.covering(about) is None:
            raise NeedsConsent("nobody has allowed yet that this voice is cloned from these recordings")

    def covering(self, about: About) -> Consent | None:
        """A genuine, current consent for just this."""
        return next((consent for consent in self._current(about) if self._counts(consent)), None)

    def holds(self, about: About) -> bool:
        """Whether the consent to what was made is neither over nor taken back, however it was given."""
        return next(self._current(about), None) is not None

    def lapsed(self, companion: Companion) -> bool:
        """Whether a voice was made of a companion, and the consent to it is over; until another has taken its place, to
        either."""
        made = [row for row in self.ledger.resources(companion.marker) if row.state == "made"]
        voices = {row.slot: row.id for row in made if row.kind == "voice"}
        plan = self.ledger.plan(companion.plan_id)
        if plan is None or not voices:
            return False
        spoken = {at(row.sent, VOICE) for row in made if row.kind == "agent"}
        counted = {plan.voice} if voices.get(plan.voice, "") in spoken else {plan.voice, *voices}
        return not all(self.allows(companion, slot) for slot in counted)

    def allows(self, companion: Companion, slot: str) -> bool:
        """Whether the consent to one of its voices, by where that belongs, is neither over nor taken back."""
        now = self.ledger.plan(companion.plan_id)
        heard = [now] if now and now.voice == slot else [p for p in self.ledger.plans(companion.id) if p.voice == slot]
        return any(self.holds(about(plan)) for plan in heard)

    def _current(self, about: About) -> Iterator[Consent]:
        now = self.clock()
        if about.companion and self.ledger.revoked(about.companion):
            return
        known = list(self._genuine(about.companion))
        fitting = (c for c in known if c.fits(about) and c.covers(about.recordings, now))
        yield from (c for c in fitting if not _replaced(c, known))

    def _genuine(self, companion: str | None) -> Iterator[Consent]:
        key = self.key()
        for body, signature in self.ledger.consents(companion):
            consent = read(body)
            if consent and genuine(consent, signature, key) and not self._revoked(consent):
                yield consent

    def _revoked(self, consent: Consent) -> bool:
        """Also where somebody put an older copy of the record back."""
        chain = self.ledger.consent_chain(consent.companion, consent.id)
        return self.ledger.journal.last(chain, _fingerprint(consent)) == "revoked"

    def _counts(self, consent: Consent) -> bool:
        return consent.granting == "elicited" or self.policy == "attest"

    # Showing

    def standing(self, companion: str | None) -> list[tuple[Consent, Standing]]:
        """Every record that names a companion, or none, and can be read, and what it is worth now."""
        known = list(self._genuine(companion))
        found = [(read(body), signature) for body, signature in self.ledger.consents(companion)]
        return [(record, self._worth(record, signature, known)) for record, signature in found if record]

    def record(self, consent_id: str) -> Consent | None:
        """A record that can be read, by its id."""
        return next((c for body, _ in self.ledger.consents_by(consent_id) if (c := read(body))), None)

    def _worth(self, record: Consent, signature: str, others: Collection[Consent]) -> Standing:
        standing = self._standing(record, signature)
        return "replaced" if standing == "holds" and _replaced(record, others) else standing

    def _standing(self, consent: Consent, signature: str) -> Standing:
        if not genuine(consent, signature, self.key()):
            return "changed"
        if consent.revoked_at is not None or self._revoked(consent):
            return "taken back"
        if not consent.holds(self.clock()):
            return "over"
        return "holds" if self._counts(consent) else "not enough here"

    # Taking back

    def revoke(self, companion: Companion) -> None:
        """Take back what allows a companion, and what allows a voice on its own from the same recordings. Said again,
        it changes nothing."""
        with self.ledger.database.transaction():
            if self.ledger.revoked(companion.id):
                return
            self._take_back([*self._genuine(companion.id), *self.beside(companion)])
            self._close(companion.id)

    def revoke_alone(self, records: Collection[Consent]) -> None:
        """Take back what allows a voice on its own, and whatever else allows it from the same recordings of the same
        person."""
        with self.ledger.database.transaction():
            for record in records:
                self._take_back(self._alone(name_key(record.subject), record.recordings))

    def beside(self, companion: Companion) -> list[Consent]:
        """The records for its person's voice on its own, from some of its recordings, whatever became of them."""
        plans = map(self.ledger.plan, {companion.plan_id, companion.planned} - {""})
        sent = {sha256 for plan in plans if plan for sha256 in plan.hashes}
        sent |= {sha256 for record, _ in self.standing(companion.id) for sha256 in record.recordings}
        return self._alone(companion.name_key, sent)

    def _alone(self, key: str, recordings: Collection[str]) -> list[Consent]:
        sent = set(recordings)
        return [c for c, _ in self.standing(None) if name_key(c.subject) == key and sent & set(c.recordings)]

    def _take_back(self, records: Collection[Consent]) -> None:
        """What was before stays as it was, and so does what somebody edited."""
        good = {(c.companion, c.id) for at in {r.companion for r in records} for c in self._genuine(at)}
        for record in records:
            if (record.companion, record.id) in good and record.revoked_at is None:
                self._put(record.model_copy(update={"revoked_at": int(self.clock())}), "revoked")

    def _close(self, companion: str) -> None:
        """What says that it was taken back, also where no record of a consent is left."""
        body = {"companion": companion, "revoked_at": int(self.clock())}
        self.ledger.keep_consent(f"revocation_{digest(body)[:16]}", body, seal(body, self.key()), "revoked")

    def _granting(self, answer: Agreement | None, subject: str) -> Granting:
        if answer is not None and not answer.agree:
            raise NeedsConsent(f"cloning the voice of {subject} was declined", next=ONLY_IF_SAID)
        if answer is None and self.policy == "elicit":
            raise self._nobody_asked()
        return "attested" if answer is None else "elicited"

    @staticmethod
    def _nobody_asked() -> NeedsConsent:
        return NeedsConsent(
            "here only a person's own answer counts as consent, and this client can't ask one",
            next="use a client with elicitation, or `storykeeper consent` at a terminal",
        )

    def _keep(
        self, about: About, block: ConsentBlock, granting: Granting, evidence_sha256: str | None = None
    ) -> Consent:
        statement = block.statement or STATEMENT
        new = Consent(
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
            derived_from=about.derived_from or {},
            evidence_sha256=evidence_sha256,
            granted_at=int(self.clock()),
            expires_at=end_of(block.expires) if block.expires else None,
        )
        with self.ledger.database.transaction():
            self._refuse_taken_back(about)  # by somebody else, while a person was asked
            known = list(self._genuine(about.companion))
            same = next((c for c in known if c.id == new.id), None)
            if same and not _replaced(same, known):
                return same
            at = max([new.granted_at, *(c.granted_at + 1 for c in known)])  # what is said later is younger
            return self._put(new.model_copy(update={"granted_at": at}), "consent")

    def _put(self, consent: Consent, event: Literal["consent", "revoked"]) -> Consent:
        self.ledger.keep_consent(consent.id, consent.body, sign(consent, self.key()), event)
        return consent


def about(plan: Plan) -> About:
    """What a consent to this plan is about."""
    subject = plan.spec.subject
    origins = {recording.sha256: tuple(recording.derived_from) for recording in plan.recordings}
    cuts = {sha256: sources for sha256, sources in origins.items() if sources}
    return About(plan.companion, subject.name, subject.status, tuple(plan.hashes), cuts)


def _replaced(consent: Consent, others: Collection[Consent]) -> bool:
    return any(other.replaces(consent) for other in others)


def _evidence(path: str) -> str:
    """The sha256 of a signed letter or the like, which itself stays where it is. Blocking; raises FileRefused."""
    with named(path) as file:
        return file_digest(file, "sha256").hexdigest()


def _unfit(about: About, kind: ConsentKind, granted_by: str) -> str | None:
    """Why a consent can't be right, or None; with the plan that says whether the person lives, where that decides."""
    status = about.status or "living"
    wrong = misfit(kind, status, granted_by, about.subject)
    other, said = ("deceased", "is living") if status == "living" else ("living", "has died")
    if wrong is None or about.companion is None or misfit(kind, other, granted_by, about.subject):
        return wrong
    return f"{wrong}: the newest plan of {about.companion} says that {about.subject} {said}; plan it again if not so"


def _fingerprint(consent: Consent) -> str:
    """Of a record as it was before it was taken back."""
    return digest({**consent.body, "revoked_at": None})


async def _asked(question: str, form: type[Answer], caller: Caller) -> Answer | None:
    try:
        return await caller.ask(question, form)
    except Declined:
        raise NeedsConsent("the person who was asked did not agree", next=ONLY_IF_SAID) from None
