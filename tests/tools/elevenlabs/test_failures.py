"""What the client makes of a service, or a network, that doesn't behave."""

from __future__ import annotations

import json
from collections.abc import Callable

import anyio
import anyio.lowlevel
import httpx
import pytest

from storykeeper_tools.elevenlabs.client import ElevenLabs, Limits
from storykeeper_tools.elevenlabs.errors import decipher, retry_after
from storykeeper_tools.elevenlabs.link import Link
from storykeeper_tools.elevenlabs.retries import Budget, Retries
from storykeeper_tools.errors import (
    AuthInvalid,
    MissingPermission,
    QuotaExceeded,
    RateLimited,
    StorykeeperError,
    Unavailable,
    UnexpectedAnswer,
    UpstreamError,
)

pytestmark = pytest.mark.anyio
KEY = "sk_0123456789abcdef"
Answers = list[httpx.Response | httpx.HTTPError]
USER = httpx.Response(200, json={"user_id": "u"})


def detail(**words: str) -> str:
    return json.dumps({"detail": words})


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, detail(status="needs_authorization"), "auth_missing"),
        (401, detail(type="authentication_error", code="unauthorized", status="invalid_api_key"), "auth_invalid"),
        (401, detail(status="missing_permissions"), "missing_permission"),
        (401, detail(status="quota_exceeded"), "quota_exceeded"),
        (401, "", "auth_invalid"),
        (402, detail(type="payment_required", code="insufficient_credits"), "quota_exceeded"),
        (400, detail(type="payment_required", code="paid_plan_required"), "plan_limit"),
        (400, detail(status="can_not_use_instant_voice_cloning"), "plan_limit"),
        (400, detail(status="voice_limit_reached"), "voice_slots_full"),
        (400, detail(status="voice_add_edit_limit_reached"), "voice_changes_used_up"),
        (400, detail(code="audio_too_short"), "recording_refused"),
        (400, detail(status="document_has_dependent_agents"), "conflict"),
        (400, '{"detail": "English Agents must use turbo or flash v2"}', "bad_input"),
        (403, detail(status="insufficient_permissions"), "missing_permission"),
        (404, detail(status="agent_not_found"), "not_found"),
        (409, "", "conflict"),
        (422, detail(status="rag_index_not_ready"), "unavailable"),
        (429, "", "rate_limited"),
        (425, "", "rate_limited"),
        (500, "<html>", "unavailable"),
        (503, detail(status="service_unavailable"), "unavailable"),
        (302, "", "unexpected_answer"),
        (418, "[]", "bad_input"),
        (401, '{"detail": "The API key you used is missing the permission user_read."}', "missing_permission"),
        (401, '{"detail": "You have 0 credits remaining, while 91 are required."}', "quota_exceeded"),
        (400, '{"detail": "You have reached your maximum amount of custom voices (10 / 10)."}', "voice_slots_full"),
        (400, '{"detail": [{"loc": 7}]}', "bad_input"),
        (400, "[" * 100_000, "bad_input"),
    ],
)
def test_the_cause_decides_and_not_the_status_alone(status: int, body: str, code: str) -> None:
    """401 alone has four meanings."""
    assert decipher(status, {}, body).code == code


def test_a_schema_error_says_where_and_never_what_was_sent() -> None:
    """The input may hold memories."""
    body = {"detail": [{"type": "missing", "loc": ["body", "text"], "msg": "Field required", "input": "Born in Cork"}]}
    told = str(decipher(422, {}, json.dumps(body)))
    assert "body.text: Field required" in told
    assert "Cork" not in told


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 90.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:05 GMT"}, 0.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_understood_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    """Numbers, dates, and nonsense."""
    assert retry_after(headers, now=10.0) == seconds


def client(answers: Answers, waits: list[float] | None = None, budget: Budget | None = None) -> ElevenLabs:
    """A client whose service gives these answers in turn, and whose waiting is only noted."""
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        given = left.pop(0)
        if isinstance(given, httpx.HTTPError):
            raise given
        return given

    async def note(seconds: float) -> None:
        if waits is not None:
            waits.append(seconds)

    retries = Retries(sleep=note, jitter=lambda: 1.0, budget=budget or Budget())
    return ElevenLabs(Link("https://api.elevenlabs.io", KEY, httpx.MockTransport(answer)), retries)


async def test_a_read_is_repeated_until_it_works() -> None:
    """With waits that double."""
    waits: list[float] = []
    failing = [httpx.Response(503), httpx.ReadError("reset"), httpx.ConnectTimeout("slow")]
    assert (await client([*failing, USER], waits).user()).user_id == "u"
    assert waits == [0.5, 1.0, 2.0]


async def test_a_read_waits_as_long_as_it_is_told() -> None:
    """Retry-After counts more than our own measure."""
    waits: list[float] = []
    await client([httpx.Response(429, headers={"retry-after": "7"}), USER], waits).user()
    assert waits == [7.0]


async def test_a_read_whose_answer_got_lost_is_asked_for_again() -> None:
    """The limit of one try leaves time for another."""
    asked = 0

    async def lose_the_first(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        if asked == 1:
            await anyio.sleep_forever()
        return USER

    retries, limits = Retries(sleep=lambda _: anyio.lowlevel.checkpoint()), Limits(reading=30, trying=0.05)
    lossy = ElevenLabs(Link("https://api.elevenlabs.io", KEY, httpx.MockTransport(lose_the_first)), retries, limits)
    assert (await lossy.user()).user_id == "u"


async def test_a_wait_too_long_to_sit_through_is_told_instead() -> None:
    """With how long it would be."""
    waits: list[float] = []
    with pytest.raises(RateLimited) as told:
        await client([httpx.Response(429, headers={"retry-after": "99999"})], waits).user()
    assert (told.value.after, waits) == (99999.0, [])


async def test_a_read_gives_up_after_four_tries() -> None:
    """And says that trying later may help."""
    with pytest.raises(Unavailable) as told:
        await client([httpx.Response(500)] * 4).user()
    assert told.value.retry_helps


async def test_an_answer_that_will_not_change_is_not_asked_for_again() -> None:
    """A wrong key stays wrong."""
    body = detail(status="invalid_api_key", message="Invalid API key")
    with pytest.raises(AuthInvalid):
        await client([httpx.Response(401, text=body)]).user()


async def test_a_spent_budget_ends_all_repeating() -> None:
    """A service in trouble isn't hit harder."""
    with pytest.raises(Unavailable):
        await client([httpx.Response(500)], budget=Budget(left=0)).user()


@pytest.mark.parametrize(
    ("answer", "maybe_done"),
    [
        (httpx.Response(500), True),
        (httpx.Response(502, html="<h1>Bad Gateway</h1>"), True),
        (httpx.Response(408), True),
        (httpx.ReadError("reset"), True),
        (httpx.ReadTimeout("slow"), True),
        (httpx.Response(200, html="<h1>Hello</h1>"), True),
        (httpx.Response(200, json={"not": "an id"}), True),
        (httpx.Response(200, text="[" * 100_000), True),
        (httpx.Response(429), False),
        (httpx.Response(422, json={"detail": {"status": "rag_index_not_ready"}}), False),
        (httpx.ConnectError("refused"), False),
    ],
)
async def test_a_create_is_sent_once_and_says_whether_it_may_have_worked(
    answer: httpx.Response | httpx.HTTPError, maybe_done: bool
) -> None:
    """A second answer isn't there to be asked for: asking again would fail this test."""
    with pytest.raises(UpstreamError) as told:
        await client([answer]).add_text("n", "t")
    assert told.value.maybe_done is maybe_done


@pytest.mark.parametrize("spelt", [KEY, "".join(f"\\u{ord(c):04x}" for c in KEY)])
@pytest.mark.parametrize("make", [lambda c: c.add_text("n", "t"), lambda c: c.user()])
async def test_the_key_never_comes_back_in_an_error(make: Callable[[ElevenLabs], object], spelt: str) -> None:
    """Even when the service repeats it, however JSON may spell it."""
    echo = httpx.Response(400, text=f'{{"detail": {{"message": "Bad request with xi-api-key {spelt}"}}}}')
    with pytest.raises(StorykeeperError) as told:
        await make(client([echo]))  # type: ignore[misc]
    assert KEY not in str(told.value)
    assert "[key]" in str(told.value)


async def test_a_redirect_is_not_followed() -> None:
    """The key would travel with it."""
    with pytest.raises(UnexpectedAnswer):
        await client([httpx.Response(302, headers={"location": "https://evil.example"})]).user()


async def test_three_causes_of_401_lead_to_three_different_people() -> None:
    """Who set the key, who gave it its rights, who pays."""
    causes = {"invalid_api_key": AuthInvalid, "missing_permissions": MissingPermission, "quota_exceeded": QuotaExceeded}
    for status, kind in causes.items():
        with pytest.raises(kind):
            await client([httpx.Response(401, text=detail(status=status))]).user()
