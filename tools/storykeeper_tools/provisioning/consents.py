"""Consent records of a workspace: signed when written, checked when read."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from ..companion.consent import Consent, genuine, sign
from ..errors import NeedsConsent
from ..settings import Consenting
from .ledger import Ledger


@dataclass(frozen=True, slots=True)
class Consents:
    """`policy` elicit: only what a person answered counts; attest: an attestation made for them does too."""

    ledger: Ledger
    key_file: Path
    policy: Consenting = "attest"
    clock: Callable[[], float] = time.time

    def keep(self, consent: Consent) -> None:
        self.ledger.keep_consent(consent.id, consent.model_dump(mode="json"), sign(consent, self._key()))

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

    def _key(self) -> bytes:
        """The signing key of this workspace, made at the first use, readable by its owner only."""
        self.key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with open(self.key_file, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(secrets.token_bytes(32))
        except FileExistsError:
            pass
        return self.key_file.read_bytes()
