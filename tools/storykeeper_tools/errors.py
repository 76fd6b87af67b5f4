"""Every error that a person can meet, typed by who must act.

StorykeeperError
├── CallerError                   whoever called mends it                                        exit 4
│   ├── BadInput                  bad_input
│   │   ├── FileRefused           file_refused          (missing and forbidden read the same)
│   │   ├── RecordingRefused      recording_refused
│   │   ├── WrongKind             wrong_kind
│   │   └── UnknownArgument       unknown_argument
│   ├── NotFound                  not_found
│   ├── Conflict                  conflict
│   ├── Busy                      busy                  (a retry helps)
│   └── Question                  a person must answer                                           exit 3
│       ├── NeedsAnswer           needs_answer
│       ├── NeedsConsent          needs_consent
│       ├── NeedsConfirm          needs_confirm
│       └── WhichCompanion        which_companion
├── AccountError                  the owner of the ElevenLabs account acts                       exit 5
│   ├── AuthMissing               auth_missing
│   ├── AuthInvalid               auth_invalid
│   ├── MissingPermission         missing_permission
│   ├── PlanLimit                 plan_limit
│   ├── QuotaExceeded             quota_exceeded
│   ├── VoiceSlotsFull            voice_slots_full
│   ├── VoiceChangesUsedUp        voice_changes_used_up
│   └── VoiceNeedsVerification    voice_needs_verification
├── UpstreamError                 wait; ElevenLabs or the way there failed                       exit 6
│   ├── RateLimited               rate_limited          (a retry helps)
│   ├── Unavailable               unavailable           (a retry helps)
│   ├── TimedOut                  timed_out             (a retry helps)
│   └── UnexpectedAnswer          unexpected_answer
└── InternalError                 internal              ours to mend                             exit 1
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from typing import ClassVar

LONGEST = 600
NOTHING_MADE = "nothing was made"


class StorykeeperError(Exception):
    """What happened, what exists now, and what to call next: `code · what · exists · next`, which no part contains.

    Of a kind, `means` says what it is about, and `acts` who must act.
    """

    code: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = 1
    retry_helps: ClassVar[bool] = False
    usual_next: ClassVar[str] = "report this as a bug of Storykeeper"
    means: ClassVar[str] = ""
    acts: ClassVar[str] = "whoever looks after Storykeeper"

    def __init__(self, what: str, *, exists: str = NOTHING_MADE, next: str = "") -> None:
        super().__init__(what)
        self.what = what.replace(" · ", ", ")
        self.exists = exists.replace(" · ", ", ")
        self.next = (next or self.usual_next).replace(" · ", ", ")

    def __str__(self) -> str:
        exists, next = _cut(self.exists, 220), _cut(self.next, 160)
        what = _cut(self.what, LONGEST - len(self.code) - len(exists) - len(next) - 9)
        return f"{self.code} · {what} · {exists} · {next}"

    def row(self) -> dict[str, str]:
        """As plain text, to cross from a run to whoever asks about it; `from_row` is the way back."""
        return {"code": self.code, "what": self.what, "exists": self.exists, "next": self.next}


def _cut(text: str, length: int) -> str:
    """At a blank, so that no id is left half."""
    return text if len(text) <= length else text[: length - 2].rpartition(" ")[0] + " …"


class CallerError(StorykeeperError):
    exit_code = 4
    acts = "whoever called"


class BadInput(CallerError):
    code = "bad_input"
    means = "something in the call can't be meant or can't be used"
    usual_next = "correct the input and call again"


class FileRefused(BadInput):
    code = "file_refused"
    means = (
        "a file isn't there, isn't in a folder that may be read, or isn't a plain file; these read the same on purpose"
    )
    usual_next = "name a plain file by its path inside an allowed folder, or ask the person to put it there"


class RecordingRefused(BadInput):
    code = "recording_refused"
    means = "a recording is too short, too noisy or no sound at all, so a clone of it would be a bad one"
    usual_next = "give one to three minutes of one person speaking clearly"


class WrongKind(BadInput):
    code = "wrong_kind"
    means = "an id is that of another kind of thing"
    usual_next = "use an id of the right kind; the list tools show them"


class UnknownArgument(BadInput):
    code = "unknown_argument"
    means = "a tool was called with an argument that it doesn't have; nothing is guessed, so nothing was done"
    usual_next = "leave that argument out, or spell it as the schema does"


class NotFound(CallerError):
    code = "not_found"
    means = "there is no companion, plan, voice, document or agent with that id here"
    usual_next = "see list_companions, or the list tool of that kind"


class Conflict(CallerError):
    code = "conflict"
    means = "things aren't any more as they were when this was planned, or exclude each other"
    usual_next = "call plan_companion again and compare"


class Busy(CallerError):
    code = "busy"
    means = "something else is being done with the same companion or database just now"
    retry_helps = True
    usual_next = "wait a little and call again"


class Question(CallerError):
    exit_code = 3
    acts = "a person, who answers"


class NeedsAnswer(Question):
    code = "needs_answer"
    means = "a person has to say something first that nobody has said"
    usual_next = "ask the person, then call again with the answer"


class NeedsConsent(Question):
    code = "needs_consent"
    means = "nobody who may decide has allowed yet that this voice is cloned, or they took it back"
    usual_next = "ask whose voice it is (or their guardian, executor or heir), then call record_consent"


class NeedsConfirm(Question):
    code = "needs_confirm"
    means = "a person has to say yes to this first: to what it spends, or to what it deletes"
    usual_next = "ask the person, then confirm"


class WhichCompanion(Question):
    code = "which_companion"
    means = "several companions may be meant, or a new one"
    usual_next = "set `companion` in the spec to the id that is meant, or to `new`"


class AccountError(StorykeeperError):
    exit_code = 5
    acts = "the owner of the ElevenLabs account"


class AuthMissing(AccountError):
    code = "auth_missing"
    means = "there is no ElevenLabs key"
    usual_next = "set ELEVENLABS_API_KEY, or use the sandbox (--sandbox, STORYKEEPER_SANDBOX=1)"


class AuthInvalid(AccountError):
    code = "auth_invalid"
    means = "ElevenLabs refuses the key, or it belongs to another account or region"
    usual_next = "check ELEVENLABS_API_KEY and STORYKEEPER_REGION"


class MissingPermission(AccountError):
    code = "missing_permission"
    means = "the ElevenLabs key may not do this"
    usual_next = "give the key that permission in the ElevenLabs settings"


class PlanLimit(AccountError):
    code = "plan_limit"
    means = "the ElevenLabs plan doesn't include this, or not as much of it"
    usual_next = "choose an ElevenLabs plan that includes this"


class QuotaExceeded(AccountError):
    code = "quota_exceeded"
    means = "the credits of the ElevenLabs account are used up"
    usual_next = "wait for the reset that check_quota shows, or add credits"


class VoiceSlotsFull(AccountError):
    code = "voice_slots_full"
    means = "the ElevenLabs account has no voice slot left"
    usual_next = "delete a voice that isn't needed, or choose a larger plan; check_quota shows the slots"


class VoiceChangesUsedUp(AccountError):
    code = "voice_changes_used_up"
    means = "this month's voice additions of the ElevenLabs account are used up"
    usual_next = "wait for next month's voice changes; check_quota shows them"


class VoiceNeedsVerification(AccountError):
    code = "voice_needs_verification"
    means = "ElevenLabs wants the voice to be verified before it can be used"
    usual_next = "verify the voice in the ElevenLabs dashboard"


class UpstreamError(StorykeeperError):
    """`after`: seconds to wait before another try, where told; `maybe_done`: a create may have happened all the same."""

    exit_code = 6
    acts = "nobody: wait; ElevenLabs or the way there failed"

    def __init__(
        self,
        what: str,
        *,
        exists: str = NOTHING_MADE,
        next: str = "",
        after: float | None = None,
        maybe_done: bool = False,
    ) -> None:
        super().__init__(what, exists=exists, next=next)
        self.after = after
        self.maybe_done = maybe_done


class RateLimited(UpstreamError):
    code = "rate_limited"
    means = "ElevenLabs was asked too often in a short time"
    retry_helps = True
    usual_next = "wait and call again"


class Unavailable(UpstreamError):
    code = "unavailable"
    means = "ElevenLabs, or the way there, doesn't work just now"
    retry_helps = True
    usual_next = "wait and call again"


class TimedOut(UpstreamError):
    code = "timed_out"
    means = "there was no answer in time; what was asked for may have been done all the same, and is found again"
    retry_helps = True
    usual_next = "call again; what was made is found again"


class UnexpectedAnswer(UpstreamError):
    code = "unexpected_answer"
    means = "what answered isn't what ElevenLabs answers"
    usual_next = "check STORYKEEPER_ELEVENLABS_URL and the status of ElevenLabs"


class InternalError(StorykeeperError):
    code = "internal"
    means = "something broke inside Storykeeper"


def kinds(root: type[StorykeeperError] = StorykeeperError) -> Iterator[type[StorykeeperError]]:
    """The whole tree, root first."""
    yield root
    for child in root.__subclasses__():
        yield from kinds(child)


def from_system(error: OSError) -> StorykeeperError:
    """What the system refused, without the path that it was about."""
    exists = "nothing is lost; see list_companions"
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return Busy("the disk is full", exists=exists, next="free some space and call again")
    what = error.strerror or type(error).__name__
    next = "see that Storykeeper may read and write its folder (STORYKEEPER_HOME), and call again"
    return BadInput(f"the system refused: {what}", exists=exists, next=next)


def from_row(row: Mapping[str, str]) -> StorykeeperError:
    """The error that `StorykeeperError.row` wrote down."""
    kind = next((k for k in kinds() if "code" in vars(k) and k.code == row["code"]), InternalError)
    return kind(row["what"], exists=row["exists"], next=row["next"])


def from_text(text: str) -> StorykeeperError:
    """The error that `str` made a sentence of; anything else is an internal one that says so."""
    parts = text.split(" · ")
    if len(parts) != 4:
        return InternalError(text[:200] or "there was no answer", exists="see list_companions")
    return from_row(dict(zip(("code", "what", "exists", "next"), parts, strict=True)))
