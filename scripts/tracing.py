"""One provision as its trace tells it: a real `storykeeper mcp` sends to a collector of ours, which prints the tree.

    python scripts/tracing.py

Needs the extra `otel`. Nothing leaves this machine, and nothing is real: it uses the sandbox that comes with it.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
import tempfile
import threading
from collections import defaultdict
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from opentelemetry import context, trace
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "dorothy"
_SHOWN = (
    "storykeeper.run.state",
    "storykeeper.run.waited",
    "http.response.status_code",
    "http.request.resend_count",
    "error.type",
    "storykeeper.question",
)


@dataclass
class Collector:
    """What came, as it came, and read."""

    raw: list[bytes] = field(default_factory=list[bytes])
    spans: list[Span] = field(default_factory=list[Span])
    scopes: dict[bytes, str] = field(default_factory=dict[bytes, str])
    metrics: dict[str, Metric] = field(default_factory=dict[str, Metric])
    url: str = ""

    def take(self, path: str, body: bytes) -> None:
        self.raw.append(body)
        if path == "/v1/traces":
            for scope in (s for r in ExportTraceServiceRequest.FromString(body).resource_spans for s in r.scope_spans):
                self.spans += scope.spans
                self.scopes |= {span.span_id: scope.scope.name for span in scope.spans}
        if path == "/v1/metrics":
            for scope in (
                s for r in ExportMetricsServiceRequest.FromString(body).resource_metrics for s in r.scope_metrics
            ):
                self.metrics |= {metric.name: metric for metric in scope.metrics}

    @property
    def environ(self) -> dict[str, str]:
        """For a program that is to send here."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": self.url}


@contextmanager
def collecting() -> Generator[Collector]:
    """A collector on the loopback interface."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            collector.take(self.path, self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield collector
        finally:
            server.shutdown()


def told(attributes: Sequence[KeyValue]) -> dict[str, str | int | float | bool]:
    """The attributes of a span, or of a point of a metric."""
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in attributes}


def tree(spans: Sequence[Span]) -> list[str]:
    """One line for each span, below its parent and in order of time; a parent that isn't among them is left out."""
    known = {span.span_id for span in spans}
    children: defaultdict[bytes, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: span.start_time_unix_nano):
        children[span.parent_span_id if span.parent_span_id in known else b""].append(span)

    def lines(parent: bytes, depth: int) -> Generator[str]:
        for span in children[parent]:
            yield f"{'  ' * depth}{_line(span)}"
            yield from lines(span.span_id, depth + 1)

    return list(lines(b"", 0))


def _line(span: Span) -> str:
    found = told(span.attributes)
    more = " ".join(f"{name.rpartition('.')[2]}={found[name]}" for name in _SHOWN if name in found)
    milliseconds = (span.end_time_unix_nano - span.start_time_unix_nano) / 1e6
    return f"{span.name}  {milliseconds:.0f} ms" + (f"  {more}" if more else "")


def measured(metric: Metric) -> list[str]:
    """One line for each of its points; of seconds how often, and how many in all."""
    plain = [
        (f"{p.as_int or p.as_double:g}", p.attributes) for p in (*metric.sum.data_points, *metric.gauge.data_points)
    ]
    times = [(f"{p.count} in {p.sum:.3f}", p.attributes) for p in metric.histogram.data_points]
    return [f"{metric.name}  {n} {metric.unit}  {_pairs(found)}".rstrip() for n, found in (*plain, *times)]


def _pairs(attributes: Sequence[KeyValue]) -> str:
    return " ".join(f"{name.rpartition('.')[2]}={value}" for name, value in told(attributes).items())


@contextmanager
def traced() -> Generator[str]:
    """As a host has it that traces: its calls say which trace they belong to. Yields the id of that."""
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
    here = trace.SpanContext(secrets.randbits(128), secrets.randbits(64), is_remote=False, trace_flags=flags)
    token = context.attach(trace.set_span_in_context(trace.NonRecordingSpan(here)))
    try:
        yield trace.format_trace_id(here.trace_id)
    finally:
        context.detach(token)


async def provision(environ: dict[str, str], recording: str, memories: str) -> None:
    """As a host does it: planned, consented to, provisioned, rehearsed, and a link for a visitor."""
    server = StdioServerParameters(command=sys.executable, args=["-m", "storykeeper_server", "mcp"], env=environ)
    async with Client(stdio_client(server)) as client:
        spec = {"subject": {"name": "Dorothy"}, "recordings": [recording], "memories": [memories]}
        plan = await _called(client, "plan_companion", spec=spec)
        consent = {"kind": "self", "granted_by": "Dorothy", "statement": "Yes, I agree."}
        await _called(client, "record_consent", companion=plan["plan_id"], **consent)
        made = await _called(client, "provision_companion", plan_id=plan["plan_id"])
        await _called(client, "rehearse_companion", companion=made["companion"])
        await _called(client, "get_signed_url", of=made["companion"])


async def _called(client: Client, tool: str, **arguments: Any) -> dict[str, Any]:
    answer = await client.call_tool(tool, arguments)
    if answer.structured_content is None:
        raise SystemExit(str(answer.content))
    return answer.structured_content


def main() -> None:
    with tempfile.TemporaryDirectory() as home, collecting() as collector:
        kept = {"PATH": os.environ["PATH"], "HOME": home, "STORYKEEPER_HOME": home, "STORYKEEPER_SANDBOX": "1"}
        environ = {**kept, "STORYKEEPER_FILES": str(EXAMPLE), **collector.environ}
        with traced() as trace_id:
            asyncio.run(provision(environ, str(EXAMPLE / "recording.mp3"), str(EXAMPLE / "memories")))
        mine = [span for span in collector.spans if span.trace_id.hex() == trace_id]
        print(f"trace {trace_id}, {len(mine)} spans")
        print("\n".join(tree(mine)))
        print("\nmeasures")
        print("\n".join(line for _, metric in sorted(collector.metrics.items()) for line in measured(metric)))


if __name__ == "__main__":
    main()
