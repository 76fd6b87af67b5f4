"""Rows of what ElevenLabs, or the way there, does wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from wire import Reply

from .bench import Bench, Row, Try, spec
from .given import asks

AGENTS, TEXT, VOICE = "GET /v1/convai/agents", "POST /v1/convai/knowledge-base/text", "POST /v1/voices/add"
AGENT = "POST /v1/convai/agents/create"

# What a read ends in; `x1` happens once, and is asked again.
_READS = {
    "500 x1": "ok",
    "503 x1 body=html": "ok",
    "reset x1": "ok",
    "reset-mid-body x1": "ok",
    "408 x1": "ok",
    "425 x1": "ok",
    "429 x1 retry-after=1": "ok",
    "429 x1 retry-after=date+1": "ok",
    "429 x1 retry-after=-1": "ok",
    "429 x1 retry-after=soon": "ok",
    "429 retry-after=99999": "rate_limited",
    "400": "bad_input",
    "401": "auth_invalid",
    "402": "quota_exceeded",
    "403": "missing_permission",
    "404": "not_found",
    "409": "conflict",
    "418": "bad_input",
    "422": "bad_input",
    "400 body=html": "bad_input",
    "400 body=empty": "bad_input",
    "html": "unexpected_answer",
    "truncated": "unexpected_answer",
    "wrong-json": "unexpected_answer",
    "wrong-types": "unexpected_answer",
    "extra-fields": "ok",
    "redirect": "unexpected_answer",
    "echo-key status=400": "bad_input",
    "echo-key status=401": "auth_invalid",
    "slow seconds=1": "ok",
}
# What a create is met with; said again, there is one thing.
_CREATES = (
    "500",
    "500-after-commit",
    "503-after-commit",
    "reset",
    "reset-after-commit",
    "reset-mid-body",
    "html",
    "truncated",
    "wrong-json",
    "wrong-types",
    "429 retry-after=0",
    "408-after-commit",
    "redirect",
    "echo-key status=400",
    "401",
    "403",
    "422",
)
_NEVER_SENT_AGAIN = {"401": "auth_invalid", "403": "missing_permission", "422": "bad_input"}


# An answer that never comes is waited for as long as a read may last.
_LATE = ("slow seconds=60", "blackhole") if os.environ.get("EVERYTHING") else ()


def rows() -> Iterator[Row]:
    for fault, code in _READS.items():
        yield Row("G", f"{fault}, at a read", _failing(f"{AGENTS} {fault}", asks("list_agents")), code, reads=True)
    for fault in _CREATES:
        yield Row("G", f"{fault}, when a document is made", _once(fault), "ok", sends=None, reads=True)
    for fault in ("500-after-commit", "reset-after-commit", "reset", "truncated"):
        yield Row("G", f"{fault}, when an agent is made", _agent(fault), "ok", sends=None, reads=True)
    for fault, code in (
        ("403 code=paid_plan_required", "plan_limit"),
        ("400 code=voice_limit_reached", "voice_slots_full"),
        ("402", "quota_exceeded"),
    ):
        yield Row(
            "G", f"{fault}, when a voice is made", _failing(f"{VOICE} {fault} x1", _clone), code, sends=1, reads=True
        )
    yield Row("G", "a key that is refused in the middle of a plan", _midway, "ok", sends=None, reads=True)
    for switch in ("require_verification", "library_voice_match"):
        yield Row("G", f"{switch}: a voice that has to be verified", _verified(switch), "ok", sends=1, reads=True)  # fmt: skip
    # Last: they use up the repeats that the others may have.
    for fault in _LATE:
        waiting: Try = lambda bench: bench.call("list_agents", 40)  # noqa: E731 - a line of the table
        yield Row("G", f"{fault}, at a read", _failing(f"{AGENTS} {fault}", waiting), "timed_out", reads=True)


def _failing(rule: str, attempt: Try) -> Try:
    def failing(bench: Bench) -> Reply:
        bench.fault(rule)
        return attempt(bench)

    return failing


def _unlike(bench: Bench, words: str) -> str:
    """A text that no other row has given."""
    count = bench.things["count"] = str(int(bench.things.get("count", "0")) + 1)
    return f"{words}, number {count}."


def _once(fault: str) -> Try:
    """Refused or done, and then said again: in the end there is one document more, and never two."""

    def attempt(bench: Bench) -> Reply:
        text = {"text": _unlike(bench, "A loaf of bread")}
        before = bench.here.count()["document"]
        bench.fault(f"{TEXT} {fault} x1")
        first = bench.call("upload_knowledge_base", 30, **text)
        bench.here.http.delete("/_sandbox/faults")
        known = _NEVER_SENT_AGAIN.get(fault)
        assert known is None or first.code == known, first.message
        assert first.code != "internal"
        again = bench.call("upload_knowledge_base", 30, **text)
        assert bench.here.count()["document"] == before + 1
        return again

    return attempt


def _agent(fault: str) -> Try:
    """The same of agents."""

    def attempt(bench: Bench) -> Reply:
        wanted: dict[str, Any] = {"name": _unlike(bench, "Agent")[:-1], "voice_id": bench.things["voice"]}
        before = bench.here.count()["agent"]
        bench.fault(f"{AGENT} {fault} x1")
        first = bench.call("create_agent", 30, **wanted)
        bench.here.http.delete("/_sandbox/faults")
        again = bench.call("create_agent", 30, **wanted) if first.code != "ok" else first
        assert bench.here.count()["agent"] == before + 1
        return again

    return attempt


def _clone(bench: Bench) -> Reply:
    name = _unlike(bench, "Voice")[:-1]
    bench.good("record_consent", name=name, recordings=[bench.recording], kind="self", granted_by=name)
    return bench.call("clone_voice", 30, name=name, recordings=[bench.recording])


def _midway(bench: Bench) -> Reply:
    """It stops there, says why, and goes on once there is a good key again."""
    name = _unlike(bench, "Maeve")[:-1]
    plan = bench.good("plan_companion", spec=spec(bench, name))
    bench.good("record_consent", companion=plan["companion"], kind="self", granted_by=name)
    bench.fault(f"{AGENT} 401 x1")
    stopped = bench.call("provision_companion", 30, plan_id=plan["plan_id"], wait_seconds=20)
    assert stopped.code == "auth_invalid", stopped.message
    bench.here.http.delete("/_sandbox/faults")
    done = bench.call("provision_companion", 30, plan_id=plan["plan_id"], wait_seconds=20)
    assert done.content["status"] == "done", done.message
    return done


def _verified(switch: str) -> Try:
    """The voice is there, and blocked: never taken for a success, nor for one that could speak."""

    def attempt(bench: Bench) -> Reply:
        http = bench.here.http
        http.patch("/_sandbox/switches", json={switch: True}).raise_for_status()
        try:
            made = _clone(bench)
        finally:
            http.patch("/_sandbox/switches", json={switch: False}).raise_for_status()
        assert made.content["blocked"], made.message
        return made

    return attempt
