"""Spans of whichever library, without content: what isn't known to be harmless stays here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.trace import Link
from opentelemetry.trace.status import Status
from opentelemetry.util.types import AttributeValue

from storykeeper_tools.telemetry import SCOPE

_WORD = re.compile(r"[\w.:/{}+ -]{0,100}", re.ASCII)
_TOOL = re.compile(r"[a-z]+(_[a-z]+)+|_OTHER")  # a model may call tools by any name, and somebody's has no underline
_KNOWN: Mapping[str, re.Pattern[str]] = {
    "error.type": _WORD,
    "gen_ai.agent.name": _TOOL,
    "gen_ai.operation.name": _WORD,
    "gen_ai.prompt.name": _WORD,
    "gen_ai.request.model": _WORD,
    "gen_ai.system": _WORD,
    "gen_ai.tool.name": _TOOL,
    "gen_ai.usage.input_tokens": _WORD,
    "gen_ai.usage.output_tokens": _WORD,
    "http.request.method": _WORD,
    "http.request.resend_count": _WORD,
    "http.response.status_code": _WORD,
    "http.route": _WORD,
    "jsonrpc.request.id": re.compile(r"\d{1,20}"),
    "mcp.method.name": re.compile(r"[a-z]+(/[a-zA-Z_]+){0,2}|_OTHER"),
    "mcp.protocol.version": _WORD,
    "rpc.response.status_code": _WORD,
    "server.address": _WORD,
    "server.port": _WORD,
    "url.template": _WORD,
}


class Wordless(SpanExporter):
    """Around another exporter."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([bare(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def bare(span: ReadableSpan) -> ReadableSpan:
    """Its place, times and status; of what it tells the harmless part, and neither events nor messages."""
    ours = span.instrumentation_scope is not None and span.instrumentation_scope.name == SCOPE
    return ReadableSpan(
        # Others' names end in what they are about.
        name=span.name if ours else span.name.partition(" ")[0],
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes={name: value for name, value in (span.attributes or {}).items() if _harmless(name, value)},
        links=[Link(link.context) for link in span.links],
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _harmless(name: str, value: AttributeValue) -> bool:
    pattern = _WORD if name.startswith("storykeeper.") else _KNOWN.get(name)
    return pattern is not None and pattern.fullmatch(str(value)) is not None
