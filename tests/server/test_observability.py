"""What leaves a process: traces and measures to a collector, log lines to stderr, and not a word of anybody's."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from judged import build, served
from processes import PATIENCE, place
from stage import EXAMPLE
from storykeeper_server.reporting.logs import hidden
from storykeeper_server.reporting.wordless import Wordless
from storykeeper_server.sandbox.state import State
from tracing import Collector, collecting, told, traced, tree

pytestmark = pytest.mark.anyio
KEY = "sk_canary_7Qk2vXz9Lm4Rt8Wp"
CANARIES = ("Zephyrine", "zephyrine", "Quillfeather", "Quixhaven", "marmalade", "heirlooms", "tape of hers", KEY)
MEMORY = (
    "# Childhood\n\nI was born in Quixhaven in 1931. My mother Ottilie made marmalade, which we sold at the gate.\n"
)
ZEPHYRINE = {"name": "Zephyrine", "version": "1"}
TRACESTATES = ("a=Quixhaven", "\x1b[2Jmarmalade=")  # one that is well-formed, and one that a library quotes
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def family(home: Path) -> Path:
    """A folder whose every word may be looked for."""
    folder = home / "heirlooms"
    folder.mkdir()
    (folder / "tape of hers.mp3").write_bytes((EXAMPLE / "recording.mp3").read_bytes())
    (folder / "marmalade.md").write_text(MEMORY, encoding="utf-8")
    return folder


def words_in(raw: bytes) -> list[str]:
    return [word for word in CANARIES if word.encode() in raw]


def environ(home: Path, url: str, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "COVERAGE_PROCESS_START") if name in os.environ}
    ours = {"STORYKEEPER_HOME": str(home), "STORYKEEPER_ELEVENLABS_URL": url, "ELEVENLABS_API_KEY": KEY}
    return {**kept, "HOME": str(home), **ours, **more}


async def called(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    answer = await client.call_tool(tool, arguments)
    assert answer.structured_content is not None, answer
    return answer.structured_content


async def one_provision(client: Client, folder: Path) -> None:
    """As a host leads through it, with a few mistakes on the way."""
    spec = {
        "subject": {"name": "Zephyrine Quillfeather", "relation": "aunt"},
        "recordings": [str(folder / "tape of hers.mp3")],
        "memories": [str(folder / "marmalade.md")],
        "wishes": "as warm as marmalade",
    }
    plan = await called(client, "plan_companion", spec=spec)
    refused = await client.call_tool("get_companion", {"companion": "zephyrine-0000"})
    assert refused.is_error
    with pytest.raises(MCPError):
        await client.call_tool("marmalade_of_zephyrine", {"Quixhaven": 1})
    agreed = {"kind": "self", "granted_by": "Zephyrine Quillfeather", "statement": "Yes, marmalade."}
    await called(client, "record_consent", companion=plan["plan_id"], **agreed)
    made = await called(client, "provision_companion", plan_id=plan["plan_id"])
    assert made["status"] == "done"
    await called(client, "rehearse_companion", companion=made["companion"])
    await called(client, "get_signed_url", of=made["companion"])


async def test_one_provision_is_one_trace_without_a_word(tmp_path: Path) -> None:
    """What a real process sends to a real collector: the tree from the call to each request, the measures, and no
    content, nor anything of other libraries."""
    folder = family(tmp_path)
    with collecting() as collector, served(build(State(None), keys=[KEY])) as url:
        more = {**collector.environ, "STORYKEEPER_FILES": str(folder), "STORYKEEPER_LOG": "json"}
        command = StdioServerParameters(
            command=sys.executable, args=["-m", "storykeeper_server", "mcp"], env=environ(tmp_path, url, **more)
        )
        with (tmp_path / "log").open("w") as log, traced() as trace_id:
            async with Client(stdio_client(command, log)) as client:
                await one_provision(client, folder)

    ours = [span for span in collector.spans if span.trace_id.hex() == trace_id]
    shown = "\n".join(tree(ours))
    for path in TREE:
        assert path in paths(ours), shown
    assert set(collector.scopes.values()) == {"storykeeper"}
    assert {span.trace_id for span in collector.spans if span.name != "notifications/initialized"} == {ours[0].trace_id}
    assert words_in(b"".join(collector.raw)) == []
    _check_measures(collector)
    _check_lines((tmp_path / "log").read_text())


TREE = (
    ("tools/call plan_companion", "plan", "GET /v1/user/subscription"),
    ("tools/call get_companion",),
    ("tools/call _OTHER",),
    ("tools/call provision_companion", "provision", "run provision", "create voice", "POST /v1/voices/add"),
    ("tools/call provision_companion", "provision", "run provision", "create document", "POST /v1/convai/knowledge-base/text"),
    ("tools/call provision_companion", "provision", "run provision", "create agent", "POST /v1/convai/agents/create"),
    ("tools/call rehearse_companion", "rehearse", "ask", "POST /v1/convai/agents/{id}/simulate-conversation"),
    ("tools/call get_signed_url", "GET /v1/convai/conversation/get-signed-url"),
)  # fmt: skip


def paths(spans: list[Span]) -> set[tuple[str, ...]]:
    """From the root to each span, by names."""
    known = {span.span_id: span for span in spans}

    def path(span: Span) -> tuple[str, ...]:
        parent = known.get(span.parent_span_id)
        return (*path(parent), span.name) if parent else (span.name,)

    return {path(span) for span in spans}


def _check_measures(collector: Collector) -> None:
    metrics = collector.metrics
    calls = {tuple(told(p.attributes).values()): p.as_int for p in metrics["storykeeper.tool.calls"].sum.data_points}
    assert calls[("provision_companion", "ok")] == 1
    assert calls[("get_companion", "not_found")] == 1
    assert calls[("_OTHER", "-32602")] == 1
    [slot] = metrics["storykeeper.voice_slots.spent"].sum.data_points
    [standing] = metrics["storykeeper.companions"].gauge.data_points
    assert (slot.as_int, standing.as_int, told(standing.attributes)) == (1, 1, {"storykeeper.state": "done"})
    [run] = metrics["storykeeper.run.duration"].histogram.data_points
    assert (run.count, told(run.attributes)["storykeeper.run.state"]) == (1, "done")
    assert metrics["storykeeper.credits.spent"].gauge.data_points
    answers = metrics["mcp.server.operation.duration"].histogram.data_points
    assert sum(point.count for point in answers) >= sum(calls.values())
    requests = metrics["http.client.request.duration"].histogram.data_points
    assert {"/v1/voices/add"} <= {told(point.attributes)["url.template"] for point in requests}


def _check_lines(log: str) -> None:
    """Each call has a line, whose request and trace are those of its span; no line says more than it may."""
    lines = [json.loads(line) for line in log.splitlines()]
    calls = {line["message"]: line for line in lines if line["message"].startswith("tools/call")}
    assert calls["tools/call get_companion"]["error.type"] == "not_found"
    run = next(line for line in lines if line["message"] == "run provision")
    assert run["request_id"] == calls["tools/call provision_companion"]["request_id"]
    assert {"time", "level", "logger", "trace_id", "span_id", "seconds"} <= set(run)
    assert words_in(log.encode()) == []


def test_what_clients_choose_is_not_told(tmp_path: Path) -> None:
    """Names of methods, tools and prompts that there aren't, ids that are texts, and what they say of themselves."""
    asked = [
        ("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": ZEPHYRINE}),
        ("marmalade/list", {"name": "Quixhaven"}),
        ("tools/call", {"name": "zephyrine", "arguments": {}}),
        ("prompts/get", {"name": "heirlooms"}),
        ("resources/read", {"uri": "companion://zephyrine-7f3a"}),
        ("tools/call", {"name": "get_agent", "arguments": {"agent_id": "zephyrine"}, "_meta": {"traceparent": "Quix"}}),
        *(("tools/list", {"_meta": {"traceparent": PARENT, "tracestate": state}}) for state in TRACESTATES),
    ]
    lines = [{"jsonrpc": "2.0", "id": f"Quillfeather{n}", "method": m, "params": p} for n, (m, p) in enumerate(asked)]
    with collecting() as collector, place(tmp_path, **collector.environ) as here, here.start("mcp") as server:
        assert server.stdin
        assert server.stdout
        for line in lines:
            server.stdin.write(f"{json.dumps(line)}\n")
            server.stdin.flush()
            assert json.loads(server.stdout.readline())["id"] == line["id"]
        server.send_signal(signal.SIGTERM)  # what is told by then still leaves
        _, log = server.communicate(timeout=PATIENCE)
    assert len([span for span in collector.spans if told(span.attributes).get("mcp.method.name")]) == len(asked)
    assert words_in(log.encode()) == []
    assert "_OTHER" in {span.name for span in collector.spans}
    assert words_in(b"".join(collector.raw)) == []


def test_a_run_that_another_process_goes_on_with_stays_in_its_trace(tmp_path: Path) -> None:
    """The one of the call that asked for it, though whoever called was killed."""
    file = str(EXAMPLE / "companion.yaml")
    with collecting() as collector, place(tmp_path, **collector.environ) as here:
        here.fault("POST /v1/convai/agents/create blackhole-after-commit")
        here.more["TRACEPARENT"] = PARENT
        with here.start("provision", file, "--yes") as first:
            here.wait_for_fault(first)
            first.send_signal(signal.SIGKILL)
        del here.more["TRACEPARENT"]
        assert here.run("provision", file, "--yes")["status"] == "done"

    [run] = [span for span in collector.spans if span.name == "run provision"]
    assert run.trace_id.hex() == PARENT.split("-")[1]
    assert told(run.attributes)["storykeeper.run.resumed"] is True
    again = {span.name for span in collector.spans if span.parent_span_id == run.span_id}
    assert "look up agent" in again
    assert "create voice" not in again  # what was done before isn't told again
    [root] = [span for span in collector.spans if span.name == "storykeeper provision"]
    assert root.trace_id != run.trace_id


def test_a_sentence_is_one_trace_from_the_model_to_the_request(tmp_path: Path) -> None:
    """The orchestrator's own spans and those of its tool server, none of them with what was said."""
    folder = family(tmp_path)
    wish = f'Make a companion of my aunt Zephyrine from "{folder}". She is alive, and she has agreed to this.'
    with (
        collecting() as collector,
        place(tmp_path, **collector.environ) as here,
        here.start("provision", wish, "--yes", "--json") as process,
    ):
        out, err = process.communicate(timeout=PATIENCE)
    assert "Traceback" not in err
    [root] = [span for span in collector.spans if span.name == "storykeeper provision"]
    ours = [span for span in collector.spans if span.trace_id == root.trace_id]
    assert {"invoke_agent", "execute_tool", "MCP", "tools/call plan_companion", "plan"} <= {s.name for s in ours}, out
    assert words_in(b"".join(collector.raw)) == []


def test_a_collector_that_is_away_delays_nobody(tmp_path: Path) -> None:
    """Nor does it change what is said."""
    with place(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9") as here:
        assert here.run("list")["companions"] == []
        with here.start("mcp") as server:
            server.send_signal(signal.SIGTERM)
            out, err = server.communicate(timeout=PATIENCE)
    assert out == ""
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "another protocol"),
        ({"OTEL_SDK_DISABLED": "true"}, ""),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}, ""),
    ],
)
def test_what_is_not_asked_for_is_not_sent(tmp_path: Path, more: dict[str, str], said: str) -> None:
    """OpenTelemetry's own switches hold; what can't be done is told."""
    with (
        collecting() as collector,
        place(tmp_path, **collector.environ, **more) as here,
        here.start("list") as process,
    ):
        _, err = process.communicate(timeout=PATIENCE)
    assert collector.raw == []
    assert said in err


def test_where_no_collector_is_named_the_sdk_is_not_loaded(tmp_path: Path) -> None:
    """A start pays for nothing that isn't used."""
    code = (
        "import sys; from storykeeper_server.cli import main; main(['list'])\n"
        "print([name for name in ('opentelemetry.sdk', 'opentelemetry.metrics') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environ(tmp_path, "http://127.0.0.1:9"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_spans_of_other_libraries_lose_what_they_say() -> None:
    """Attributes that aren't known, names of what there isn't, messages, events, and the ends of names."""
    kept, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(Wordless(kept)))
    tracer = provider.get_tracer("a library")
    said = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "Zephyrine",
        "gen_ai.tool.call.arguments": "marmalade",
        "gen_ai.input.messages": "Quixhaven",
        "jsonrpc.request.id": "Quillfeather",
        "error.type": "It was Zephyrine's marmalade, “really”",
    }
    with (
        contextlib.suppress(ValueError),
        tracer.start_as_current_span("execute_tool Zephyrine", attributes=said) as span,
    ):
        span.add_event("marmalade", {"of": "Quixhaven"})
        raise ValueError("Quillfeather")
    [bare] = kept.get_finished_spans()
    assert (bare.name, dict(bare.attributes or {})) == ("execute_tool", {"gen_ai.operation.name": "execute_tool"})
    assert (bare.status.description, bare.events) == (None, ())
    assert not bare.status.is_ok
    assert words_in(str(bare.to_json()).encode()) == []


@pytest.mark.parametrize(
    "secret",
    [
        "sk_0123456789abcdef",
        "Bearer abc.def.ghi",
        "postgresql://me:word@host/db",
        "wss://api.elevenlabs.io/v1/convai/conversation?conversation_signature=cvtkn_x",
        "/home/zephyrine/heirlooms/tape.mp3",
        "~/heirlooms/tape.mp3",
        "zephyrine-7f3a",
        "zephyrine-o-quillfeather-00ff",
    ],
)
def test_log_lines_hide_what_opens_or_names(secret: str) -> None:
    """Wherever it stands in one."""
    line = hidden(f"it was about {secret}, and broke\noff")
    assert secret[:9] not in line
    assert line.startswith("it was about [")
    assert line.endswith("and broke off")


def test_log_lines_move_no_cursor() -> None:
    """Whoever reads them may do so at a terminal."""
    assert hidden("a\x1b[2Jb\x00c\x9b1md\u202ee\nf") == "a[2Jbc1mde f"


@pytest.mark.parametrize("shape", ["plain", "json"])
def test_libraries_and_errors_are_told_without_their_words(tmp_path: Path, shape: str) -> None:
    """What another library says may quote anything; an error's sentence may, too."""
    code = """
import logging
from storykeeper_server.reporting.logs import configure
from storykeeper_tools.errors import NotFound
from storykeeper_tools.reporting import Reporting
configure(Reporting(shape=%r, level="debug"))
logging.getLogger("some.library").warning("Zephyrine asked for %%s", "marmalade")
logging.getLogger("some.library").info("Quixhaven")
logging.getLogger("storykeeper_tools.x").warning("the run of %%s can't be carried: %%s", "plan_1", NotFound("Zephyrine is gone"))
try:
    raise ValueError("Quillfeather")
except ValueError:
    logging.getLogger("storykeeper_server.x").exception("something broke")
"""
    done = subprocess.run(
        [sys.executable, "-c", code % shape], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert words_in(done.stderr.encode()) == []
    assert "some.library" in lines[0] or shape == "plain"
    assert "the run of plan_1 can't be carried: not_found" in lines[1]
    assert "ValueError" in lines[2]
    if shape == "json":
        assert [json.loads(line)["level"] for line in lines] == ["warning", "warning", "error"]


@pytest.mark.parametrize("name", ["STORYKEEPER_LOG", "STORYKEEPER_LOG_LEVEL"])
def test_a_setting_that_cannot_be_meant_is_told(tmp_path: Path, name: str) -> None:
    """As all others are."""
    with place(tmp_path, **{name: "loud"}) as here, here.start("list") as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 4
    assert name in err
