"""What is told of the work, where to, and how: log lines on stderr, and a collector of OpenTelemetry's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from .errors import BadInput

Shape = Literal["plain", "json"]
Level = Literal["error", "warning", "info", "debug"]

KNOWN = ("STORYKEEPER_LOG", "STORYKEEPER_LOG_LEVEL")
_OTLP = "OTEL_EXPORTER_OTLP"
_ON = {"", "otlp"}


@dataclass(frozen=True, slots=True)
class Reporting:
    """`protocol` is the one in which a collector is asked for; `parent` is the W3C traceparent of whoever started us."""

    shape: Shape = "plain"
    level: Level = "warning"
    traces: bool = False
    metrics: bool = False
    protocol: str = "http/protobuf"
    parent: str = ""


def read(environ: Mapping[str, str]) -> Reporting:
    """From STORYKEEPER_LOG and STORYKEEPER_LOG_LEVEL, and OpenTelemetry's own variables, which the SDK reads, too."""
    shape = cast("Shape", _choice(environ, "STORYKEEPER_LOG", get_args(Shape)) or "plain")
    level = cast("Level", _choice(environ, "STORYKEEPER_LOG_LEVEL", get_args(Level)))
    return Reporting(
        shape=shape,
        level=level or ("info" if shape == "json" else "warning"),
        traces=_sent(environ, "TRACES"),
        metrics=_sent(environ, "METRICS"),
        protocol=environ.get(f"{_OTLP}_PROTOCOL", "").strip() or "http/protobuf",
        parent=environ.get("TRACEPARENT", "").strip(),
    )


def _sent(environ: Mapping[str, str], signal: str) -> bool:
    """Only where an address is named: the SDK's own default would look for a collector on every machine."""
    off = environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    named = environ.get(f"{_OTLP}_ENDPOINT", "").strip() or environ.get(f"{_OTLP}_{signal}_ENDPOINT", "").strip()
    return bool(named) and not off and environ.get(f"OTEL_{signal}_EXPORTER", "").strip().lower() in _ON


def _choice(environ: Mapping[str, str], name: str, options: tuple[str, ...]) -> str:
    value = environ.get(name, "").strip().lower()
    if value and value not in options:
        raise BadInput(f"{name} is not one of {', '.join(options)}", next=f"set it to one of them, or unset {name}")
    return value
