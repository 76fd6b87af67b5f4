"""Traces without words: ADK writes all that is said into its spans, and here that is what families say of each other."""

from __future__ import annotations

from collections.abc import Mapping

from google.adk.agents.invocation_context import InvocationContext
from google.adk.agents.run_config import RunConfig
from google.adk.plugins.base_plugin import BasePlugin
from google.adk.telemetry import ContentCapturingMode, TelemetryConfig

# Whoever sets one of these has decided what their traces hold.
DECIDED = ("ADK_CAPTURE_MESSAGE_CONTENT_IN_SPANS", "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT")


class Wordless(BasePlugin):
    """Takes the content out of the spans of each run, unless the environment or the program that runs it decided."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(name="wordless")
        self._decided = any(environ.get(name, "").strip() for name in DECIDED)

    async def before_run_callback(self, *, invocation_context: InvocationContext) -> None:
        run = invocation_context.run_config or RunConfig()
        if not self._decided and run.telemetry is None:
            silent = TelemetryConfig(capture_message_content=ContentCapturingMode.NO_CONTENT)
            invocation_context.run_config = run.model_copy(update={"telemetry": silent})
