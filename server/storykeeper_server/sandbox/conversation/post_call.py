"""Post-call webhooks: what the service sends when a conversation is over, signed with the webhook's secret.

Only loopback addresses are really contacted. Each event leaves a row of kind "delivery", which tells what became of
it: `status` is the HTTP status of the answer, None if there was none, and `sent` is False if nothing was tried.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

import anyio
from pydantic_core import to_json

from .. import ids
from ..addresses import leads_here
from ..routing import Setup
from ..state import Row, Rows, Snapshot
from . import convai_settings, history_view, retention

_PATIENCE_SECONDS = 10.0
_TOO_MANY_FAILURES = 10
_CHUNK = 64 * 1024
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Event:
    type: str
    data: dict[str, Any]


async def deliver(setup: Setup, workspace: str, conversation_id: str) -> None:
    """Send what the agent or else the workspace wants to have sent of a conversation that is over. Never raises.

    Transcripts go as JSON whatever `transcript_format` says: the sandbox makes no OpenTelemetry traces.
    """
    with setup.state.reading(workspace) as rows:
        webhook, events = _wanted(rows, workspace, conversation_id)
    if webhook is None or webhook["disabled"] or webhook["auto_disabled"]:
        return
    for event in events:
        result = await _send(webhook, event, setup.clock())
        if result["error"]:
            _LOG.warning("webhook %s to %s: %s", event.type, webhook["url"], result["error"])
        with setup.state.rows(workspace) as rows:
            _record(rows, webhook["id"], event, result, setup.clock())


def _wanted(rows: Snapshot, workspace: str, id: str) -> tuple[Row | None, list[_Event]]:
    # The row itself, and not what retention leaves of it: the webhook tells what isn't kept.
    row = rows.get("conversation", id)
    if row is None:
        return None, []
    agent = rows.get("agent", row["agent"])
    settings = _settings(rows, agent)
    webhook = rows.get("webhook", settings["post_call_webhook_id"] or "")
    events: list[_Event] = []
    if "transcript" in settings["events"] or not settings["events"]:
        events.append(_Event("post_call_transcription", history_view.view(row, agent, workspace)))
    audio = rows.kept(retention.AUDIO, id)
    if audio and ("audio" in settings["events"] or settings["send_audio"]):
        data = {"agent_id": row["agent"], "conversation_id": id, "full_audio": base64.b64encode(audio).decode()}
        events.append(_Event("post_call_audio", data))
    return webhook, events


def _settings(rows: Snapshot, agent: Row | None) -> Row:
    own = agent and agent["settings"]["platform_settings"]["workspace_overrides"]["webhooks"]
    return own if own and own["post_call_webhook_id"] else convai_settings.read_row(rows)["webhooks"]


async def _send(webhook: Row, event: _Event, now: float) -> Row:
    if not leads_here(webhook["url"]):
        return {"sent": False, "status": None, "error": "The sandbox contacts loopback addresses only."}
    import httpx  # not needed to start, and slow to load

    body = to_json({"type": event.type, "event_timestamp": int(now), "data": event.data}, inf_nan_mode="null")
    signed = _signed(webhook, body, int(now))
    try:
        with anyio.fail_after(_PATIENCE_SECONDS):
            # No proxy of the environment, and no redirect, leads anywhere else.
            async with (
                httpx.AsyncClient(timeout=_PATIENCE_SECONDS, trust_env=False) as client,
                client.stream("POST", webhook["url"], content=_content(event, body), headers=signed) as answer,
            ):
                return {"sent": True, "status": answer.status_code, "error": None}
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        return {"sent": True, "status": None, "error": f"{type(error).__name__}: {error}"}


def _signed(webhook: Row, body: bytes, now: int) -> dict[str, str]:
    digest = hmac.new(webhook["secret"].encode(), f"{now}.".encode() + body, hashlib.sha256).hexdigest()
    signature = {"ElevenLabs-Signature": f"t={now},v0={digest}"}
    return {**webhook["headers"], "Content-Type": "application/json", **signature}


def _content(event: _Event, body: bytes) -> bytes | AsyncGenerator[bytes]:
    return _chunks(body) if event.type == "post_call_audio" else body


async def _chunks(body: bytes) -> AsyncGenerator[bytes]:
    # Without a length, as the service sends the audio.
    for start in range(0, len(body), _CHUNK):
        yield body[start : start + _CHUNK]


def _record(rows: Rows, webhook_id: str, event: _Event, result: Row, now: float) -> None:
    id = ids.trace()
    told = {"id": id, "created": now, "webhook": webhook_id, "conversation": event.data["conversation_id"]}
    rows.put("delivery", id, {**told, "type": event.type, **result})
    webhook = rows.get("webhook", webhook_id)
    if webhook is None or not result["sent"]:
        return
    failed = result["status"] != 200
    webhook["failures"] = webhook["failures"] + 1 if failed else 0
    if failed:
        webhook["last_failure"] = {"code": result["status"], "at": int(now)}
        webhook["auto_disabled"] = webhook["failures"] >= _TOO_MANY_FAILURES
    rows.put("webhook", webhook_id, webhook)
