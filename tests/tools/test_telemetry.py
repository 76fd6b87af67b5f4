"""What is told of the work: one tree of spans, by codes and templates, for whoever asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from stage import EXAMPLE, Stage
from storykeeper_tools import telemetry
from storykeeper_tools.companion.spec import ConsentBlock, Wish
from storykeeper_tools.elevenlabs.attempts import template
from storykeeper_tools.errors import NeedsConsent, StorykeeperError
from visiting import visitor

pytestmark = pytest.mark.anyio
WISH = Wish.model_validate({"subject": {"name": "Dorothy"}, "recordings": [str(EXAMPLE / "recording.mp3")]})
AGREED = ConsentBlock(kind="self", granted_by="Dorothy")


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Those of this test; a process has one provider, which stays."""
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        provider = TracerProvider(shutdown_on_exit=False)
        trace.set_tracer_provider(provider)
    kept = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    yield kept
    kept.shutdown()


def named(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == name]


def above(spans: InMemorySpanExporter, span: ReadableSpan) -> list[str]:
    """The names from a span's parent up to the root."""
    known = {s.context.span_id: s for s in spans.get_finished_spans() if s.context}
    found: list[str] = []
    while span.parent and (parent := known.get(span.parent.span_id)):
        found.append(parent.name)
        span = parent
    return found


async def planned(stage: Stage) -> str:
    draft = await stage.keeper.companions.plan_companion(WISH)
    await stage.keeper.companions.grant(draft.plan_id, AGREED)
    return draft.plan_id


async def test_a_request_hangs_under_its_step_its_run_and_whoever_asked(
    stage: Stage, spans: InMemorySpanExporter
) -> None:
    """In one trace, though the run is carried by another task."""
    with telemetry.span("somebody asks"):
        plan = await planned(stage)
        await stage.keeper.companions.provision(plan, 30)

    [clone] = named(spans, "POST /v1/voices/add")
    assert above(spans, clone) == ["create voice", "run provision", "provision", "somebody asks"]
    [look, *_] = named(spans, "GET /v1/user")
    assert above(spans, look) == ["plan", "somebody asks"]
    assert len({span.context.trace_id for span in spans.get_finished_spans() if span.context}) == 1


async def test_a_request_that_is_sent_again_says_how_often(stage: Stage, spans: InMemorySpanExporter) -> None:
    """Each attempt is a span of its own, with the status that it met."""
    stage.faults.due += [("GET", "/v1/user/subscription", "500 before")]
    await stage.call("check_quota")
    first, second = named(spans, "GET /v1/user/subscription")
    told = [dict(span.attributes or {}) for span in (first, second)]
    assert [each["http.response.status_code"] for each in told] == [500, 200]
    assert [each.get("http.request.resend_count") for each in told] == [None, 1]
    assert [each.get("error.type") for each in told] == ["500", None]
    assert first.status.description is second.status.description is None


async def test_failures_are_told_by_their_codes(stage: Stage, spans: InMemorySpanExporter) -> None:
    """Not by their sentences, which name people."""
    plan = await stage.keeper.companions.plan_companion(WISH)
    with pytest.raises(NeedsConsent):
        await stage.keeper.companions.provision(plan.plan_id, 30)
    [refused] = named(spans, "provision")
    assert dict(refused.attributes or {}) == {"error.type": "needs_consent"}
    assert (refused.status.description, refused.events) == (None, ())


async def test_a_step_that_fails_says_so_and_so_does_its_run(stage: Stage, spans: InMemorySpanExporter) -> None:
    """Though errors of steps are values."""
    plan = await planned(stage)
    stage.faults.due += [("POST", "/v1/convai/agents/create", "400 after")]
    with pytest.raises(StorykeeperError):
        await stage.keeper.companions.provision(plan, 30)
    codes = {span.name: (span.attributes or {}).get("error.type") for span in spans.get_finished_spans()}
    assert codes["create agent"] == codes["run provision"] == codes["provision"] == "bad_input"
    assert codes["create voice"] is None


async def test_whoever_joins_a_run_is_linked_to_whoever_asked_first(stage: Stage, spans: InMemorySpanExporter) -> None:
    """The run stays in the first one's trace."""
    plan = await planned(stage)

    async def ask(who: str) -> None:
        with telemetry.span(who, parent=context.Context()):
            await stage.keeper.companions.provision(plan, 30)

    await asyncio.gather(ask("one"), ask("two"))
    [one], [two], [run] = named(spans, "one"), named(spans, "two"), named(spans, "run provision")
    assert one.context
    assert two.context
    assert run.context
    assert run.context.trace_id == one.context.trace_id
    joined = next(
        span for span in named(spans, "provision") if span.context and span.context.trace_id == two.context.trace_id
    )
    assert [link.context.trace_id for link in joined.links] == [one.context.trace_id]


async def test_forgetting_erases_who_asked(stage: Stage, spans: InMemorySpanExporter) -> None:
    """Runs keep the trace and the request of the call until then."""
    with telemetry.span("somebody asks"):
        telemetry.new_request()
        plan = await planned(stage)
        made = await stage.keeper.companions.provision(plan, 30)
        kept = stage.keeper.engine.look(plan)
        asked = await stage.call("retire_companion", companion=made.companion, action="forget")
        await stage.call("retire_companion", companion=made.companion, action="forget", confirm=asked.confirm)
    rows = stage.keeper.ledger.database.query("SELECT body FROM runs")

    assert kept is not None
    assert set(kept.origin) == {"request", "traceparent"}
    assert len(rows) == 1
    assert kept.origin["traceparent"].split("-")[1] not in rows[0][0]
    assert kept.origin["request"] not in rows[0][0]
    [removal] = named(spans, "run removal")
    assert above(spans, removal)[-1] == "somebody asks"


async def test_nothing_told_names_anybody(stage: Stage, spans: InMemorySpanExporter) -> None:
    """Neither the person, nor the companion, whose id is made of the name."""
    plan = await planned(stage)
    made = await stage.keeper.companions.provision(plan, 30)
    await stage.call("rehearse_companion", companion=made.companion)
    await stage.call("get_signed_url", of=made.companion)
    told = "".join(str(span.to_json()) for span in spans.get_finished_spans())
    assert "POST /v1/convai/agents/{id}/simulate-conversation" in told
    for word in ("Dorothy", "dorothy", "recording", str(made.agent_id), str(made.voice_id), "sandbox", str(EXAMPLE)):
        assert word not in told


async def test_the_talk_page_is_traced_by_its_routes(stage: Stage, spans: InMemorySpanExporter) -> None:
    """A visitor's own trace isn't joined, and addresses name companions."""
    plan = await planned(stage)
    made = await stage.keeper.companions.provision(plan, 30)
    theirs = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with visitor(stage) as page:
        await page.ask(made.companion, {}, traceparent=theirs)
        await page.ask("nobody-0000", {})
    route = "POST /api/companions/{id}/session"
    known, unknown = named(spans, route)
    [minted] = named(spans, "GET /v1/convai/conversation/get-signed-url")
    assert above(spans, minted) == ["session", route]
    assert known.parent is None
    told = [dict(span.attributes or {}) for span in (known, unknown)]
    assert [(each["http.response.status_code"], each.get("error.type")) for each in told] == [
        (200, None),
        (404, "not_found"),
    ]


def test_every_measure_is_in_the_documentation() -> None:
    """With all that it is told by."""
    page = (EXAMPLE.parent.parent / "docs" / "observability.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    for measure in telemetry.MEASURES:
        assert all(f"`{name}`" in rows[measure.name] for name in measure.by), measure.name


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/v1/voices/add", "/v1/voices/add"),
        ("/v1/voices/n7AUhwDS4T83cpHJXpTk", "/v1/voices/{id}"),
        ("/v1/convai/agents/dorothy", "/v1/convai/agents/{id}"),
        ("/v1/convai/knowledge-base/x/rag-index/y", "/v1/convai/knowledge-base/{id}/rag-index/{id}"),
    ],
)
def test_ids_are_not_part_of_a_template(path: str, shown: str) -> None:
    """Whatever somebody gives as one."""
    assert template(path) == shown


@pytest.mark.parametrize(
    "given", [{}, {"traceparent": "nonsense"}, {"traceparent": 7}, {"traceparent": "00-" + "0" * 52}]
)
async def test_what_is_no_trace_begins_one(given: dict[str, Any], spans: InMemorySpanExporter) -> None:
    """Whoever sends it."""
    with telemetry.span("around"), telemetry.span("alone", parent=telemetry.within(given)):
        await anyio.lowlevel.checkpoint()
    [alone] = named(spans, "alone")
    assert alone.parent is None
