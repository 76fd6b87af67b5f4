"""Consent records of a workspace: asked for, signed when written, checked when read."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field

from ..caller import Caller
from ..companion.consent import STATEMENT, Consent, Granting, genuine, misfit, sign
from ..companion.spec import ConsentBlock, ConsentKind, Status
from ..errors import BadInput, NeedsConsent
from ..files import private_folder
from ..settings import Consenting
from .ledger import Ledger


class Agreement(BaseModel):
    agree: Annotated[bool, Field(description="Yes, this voice may be cloned for a private companion")]


class Grant(Agreement):
    kind: ConsentKind
    granted_by: Annotated[str, Field(description="Who agrees", max_length=80)]


@dataclass(frozen=True, slots=True)
class About:
    """Whose voice a consent is about, and the sha256 of the very bytes."""

    companion: str | None
    subject: str
    status: Status
    recordings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Consents:
    """`policy` elicit: only what a person answered counts; attest: an attestation made for them does too."""

    ledger: Ledger
    key_file: Path
    policy: Consenting = "attest"
    clock: Callable[[], float] = time.time

    async def attest(self, about: About, block: ConsentBlock, caller: Caller) -> Consent:
        """Record a consent that was given; confirmed by the person themselves where the caller can ask them."""
        wrong = misfit(block.kind, about.status)
        if wrong:
            raise BadInput(wrong, next="ask who may decide, and record that kind of consent")
        who = f"{block.kind.replace('_', ' ')}, {block.granted_by}"
        question = f"May the voice of {about.subject} be cloned for a private memory companion? ({who})"
        return self._keep(about, block, self._granting(await caller.ask(question, Agreement), about.subject))

    async def ask(self, about: About, caller: Caller) -> Consent:
        """Ask whoever is at the other end. Raises NeedsConsent without a yes."""
        question = f"May the voice of {about.subject} be cloned for a private memory companion? Who agrees?"
        answer = await caller.ask(question, Grant)
        if answer is None or not answer.agree:
            raise NeedsConsent(f"nobody has allowed yet that the voice of {about.subject} is cloned")
        wrong = misfit(answer.kind, about.status)
        if wrong:
            raise NeedsConsent(wrong)
        return self._keep(about, ConsentBlock(kind=answer.kind, granted_by=answer.granted_by), "elicited")

    def require(self, recordings: Collection[str], name: str) -> None:
        """Raise NeedsConsent unless a consent covers every one of these very bytes."""
        if self.covering(recordings) is None:
            raise NeedsConsent(f"nobody has allowed yet that the voice of {name} is cloned from these recordings")

    def covering(self, recordings: Collection[str]) -> Consent | None:
        """A genuine, current consent for all of these recordings."""
        for body, signature in self.ledger.consents():
            consent = Consent.model_validate(body)
            trusted = genuine(consent, signature, self._key())
            asked = consent.granting == "elicited" or self.policy == "attest"
            if trusted and asked and consent.covers(recordings, self.clock()):
                return consent
        return None

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
            status=about.status,
            kind=block.kind,
            granted_by=block.granted_by,
            relation=block.relation,
            statement=statement,
            statement_sha256=sha256(statement.encode()).hexdigest(),
            granting=granting,
            recordings=tuple(sorted(about.recordings)),
            granted_at=int(self.clock()),
        )
        self.ledger.keep_consent(consent.id, consent.model_dump(mode="json"), sign(consent, self._key()))
        return consent

    def _key(self) -> bytes:
        """The signing key of this workspace, made at the first use, readable by its owner only."""
        private_folder(self.key_file.parent)
        try:
            with open(self.key_file, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(secrets.token_bytes(32))
        except FileExistsError:
            pass
        return self.key_file.read_bytes()
