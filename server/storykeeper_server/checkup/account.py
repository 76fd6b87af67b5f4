"""The key, what it may do, what the account has left, and the way there. Every call at once, each for a limited time."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from storykeeper_tools.account import quota
from storykeeper_tools.elevenlabs.client import ElevenLabs
from storykeeper_tools.elevenlabs.models import Subscription, User
from storykeeper_tools.errors import (
    AuthInvalid,
    CallerError,
    MissingPermission,
    QuotaExceeded,
    StorykeeperError,
    TimedOut,
    UpstreamError,
)
from storykeeper_tools.provisioning.workspace import room

from .row import Row, note, ok, problem, refused

SECONDS = 15.0
SKEWED = 300.0
_READS_USER = "user_read"
Answer = Any | StorykeeperError


async def rows(elevenlabs: ElevenLabs, known: str | None, seconds: float = SECONDS) -> list[Row]:
    """Everything that the service can be asked without spending, and answers in time; `known` is the account that the
    workspace belongs to."""
    asked = _questions(elevenlabs)
    answers = dict(zip(asked, await asyncio.gather(*(_answer(ask, seconds) for ask in asked.values())), strict=True))
    lost = next((a for a in answers.values() if isinstance(a, UpstreamError)), None)
    found = [*_key(answers, known)]
    if found[0].state == "ok":
        found += [*_permissions(answers), *_plan(answers["user_read"])]
    return [_way(elevenlabs.link.base_url, lost), *found, *_clock(elevenlabs.link.date)]


def _questions(elevenlabs: ElevenLabs) -> Mapping[str, Callable[[], Awaitable[Any]]]:
    """By the permission that each needs. What deletes names ids that nobody has: it is refused for the permission, or else
    because there is no such thing."""
    nothing = f"nothing{secrets.token_hex(6)}"
    return {
        "user": elevenlabs.user,
        _READS_USER: elevenlabs.subscription,
        "voices_read": lambda: elevenlabs.voices(page_size=1),
        "voices_write": lambda: elevenlabs.delete_voice(nothing),
        "convai_read": lambda: elevenlabs.agents(page_size=1),
        "convai_write": lambda: elevenlabs.delete_agent(nothing),
    }


async def _answer(ask: Callable[[], Awaitable[Any]], seconds: float) -> Answer:
    try:
        async with asyncio.timeout(seconds):
            return await ask()
    except TimeoutError:
        return TimedOut(f"ElevenLabs gave no answer within {seconds:g} s")
    except StorykeeperError as error:
        return error


def _way(url: str, lost: UpstreamError | None) -> Row:
    return refused("service", lost) if lost else ok("service", f"{url} answers")


def _key(answers: Mapping[str, Answer], known: str | None) -> Iterator[Row]:
    invalid = next((a for a in answers.values() if isinstance(a, AuthInvalid)), None)
    user = answers["user"]
    if invalid:
        yield refused("key", invalid)
    elif all(isinstance(answer, UpstreamError) for answer in answers.values()):
        yield note("key", "it couldn't be tried")
    elif isinstance(user, User) and known and known not in {user.workspace_id, user.user_id}:
        what = "this key belongs to another account than the workspace"
        yield problem("key", what, "set STORYKEEPER_WORKSPACE to another name for it", AuthInvalid.exit_code)
    else:
        yield ok("key", "it is accepted")


def _permissions(answers: Mapping[str, Answer]) -> Iterator[Row]:
    lacking = [p for p, answer in answers.items() if isinstance(answer, MissingPermission) and p != "user"]
    needed = [permission for permission in lacking if permission != _READS_USER]
    odd = [a for a in answers.values() if isinstance(a, StorykeeperError) and not _plain(a)]
    if needed:
        yield problem(
            "permissions",
            f"the key lacks {', '.join(lacking)}",
            MissingPermission.usual_next,
            MissingPermission.exit_code,
        )
    elif any(isinstance(answer, UpstreamError) for answer in answers.values()):
        yield note("permissions", "not all of them could be tried")
    elif lacking:
        yield note("permissions", "the key lacks user_read: what is left can't be told, all else works")
    else:
        yield ok("permissions", "reads and writes voices and agents; whether it may clone shows when it does")
    yield from (refused("permissions", error) for error in odd[:1])


def _plain(error: StorykeeperError) -> bool:
    """Whether an error is told already, or says only that there is no such id: then the key may do it."""
    return isinstance(error, (CallerError, MissingPermission, UpstreamError))


def _plan(subscription: Answer) -> Iterator[Row]:
    if not isinstance(subscription, Subscription):
        return
    left = quota(subscription, [])
    obstacle = room(subscription)
    if obstacle:
        yield refused("plan", obstacle)
    if not left.credits_left:
        yield refused("plan", QuotaExceeded(f"no credits are left of {left.credits_limit}"))
    elif not obstacle:
        yield ok("plan", str(left))


def _clock(date: str) -> Iterator[Row]:
    """This computer's clock against the service's: consents and links have times."""
    try:
        skew = time.time() - parsedate_to_datetime(date).timestamp()
    except ValueError:
        return
    if abs(skew) > SKEWED:
        where = "ahead" if skew > 0 else "behind"
        yield problem("clock", f"this computer's clock is {abs(skew) / 60:.0f} minutes {where}", "set it right")
    else:
        yield ok("clock", f"{abs(skew):.0f} s from ElevenLabs'")
