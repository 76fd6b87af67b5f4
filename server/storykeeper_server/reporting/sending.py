"""The SDK, where a collector is named: it sends in the background, and a collector that is away delays nobody."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

from opentelemetry import trace

from storykeeper_tools.reporting import Reporting
from storykeeper_tools.telemetry import SCOPE

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

_PROTOCOL = "http/protobuf"
_MISSING = "a collector is named, but what sends to it isn't installed: pip install 'storykeeper[otel]'"
_STRANGE = f"a collector is named with another protocol than {_PROTOCOL}: nothing is sent to it"
_log = logging.getLogger(__name__)
Standings = Callable[[], Mapping[str, int]]


def start(chosen: Reporting, standings: Standings) -> None:
    """Send what is asked for; `standings` says how many companions are in each state, and is asked on another thread."""
    if chosen.protocol != _PROTOCOL:
        _log.warning(_STRANGE)
        return
    try:
        import_module("opentelemetry.exporter.otlp.proto.http")  # the extra: half a second, only where it is used
    except ImportError:
        _log.warning(_MISSING)
        return
    resource = _resource()
    if chosen.traces:
        _trace(resource)
    if chosen.metrics:
        _measure(resource, standings)


def close(seconds: float) -> None:
    """Send what is left, for so long at most."""
    from opentelemetry import metrics  # 3 ms that a start needn't wait for

    found = trace.get_tracer_provider(), metrics.get_meter_provider()
    closing = [getattr(provider, "shutdown", None) for provider in found]
    threads = [threading.Thread(target=shut, daemon=True) for shut in closing if shut]
    for thread in threads:
        thread.start()
    until = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))


def _resource() -> Resource:
    """Who sends, as OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have it; never the command line, which is a sentence."""
    from opentelemetry.sdk.resources import Resource

    found = Resource.create({"service.version": version("storykeeper")})
    kept = {name: value for name, value in found.attributes.items() if not name.startswith("process.")}
    if str(kept["service.name"]).startswith("unknown_service"):
        kept["service.name"] = SCOPE
    return Resource(kept)


def _trace(resource: Resource) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from .wordless import Wordless

    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Wordless(OTLPSpanExporter())))
    trace.set_tracer_provider(provider)


def _measure(resource: Resource, standings: Standings) -> None:
    """Ours alone: other libraries may count by what somebody says."""
    from opentelemetry import metrics
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.metrics.view import DropAggregation, View

    reader = PeriodicExportingMetricReader(OTLPMetricExporter())
    views = [
        View(instrument_name="*", meter_name=SCOPE),
        View(instrument_name="*", aggregation=DropAggregation()),
    ]
    provider = MeterProvider([reader], resource, shutdown_on_exit=False, views=views)
    metrics.set_meter_provider(provider)

    def counted(_: metrics.CallbackOptions) -> Iterable[metrics.Observation]:
        return [metrics.Observation(n, {"storykeeper.state": state}) for state, n in standings().items()]

    meter = metrics.get_meter(SCOPE)
    meter.create_observable_gauge("storykeeper.companions", [counted], "{companion}", "Companions by state")
