"""What all of a workspace's agents share: its post-call webhook, above all."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ..agents.platform_settings import InitiationWebhook, Webhooks
from ..envelopes import Refusal, not_found
from ..routing import Call, route
from ..schema import Body, Query, merge, parse
from ..state import Row, Snapshot


class SettingsBody(Body):
    """The settings, with the official defaults; in a change, what isn't there stays as it is."""

    conversation_initiation_client_data_webhook: InitiationWebhook | None = None
    webhooks: Webhooks = Webhooks()
    can_use_mcp_servers: bool = False
    rag_retention_period_days: Annotated[int, Field(gt=0, le=30)] = 10
    conversation_embedding_retention_days: Annotated[int | None, Field(gt=0, le=365)] = None
    default_livekit_stack: Literal["standard", "static"] = "standard"


def read_row(rows: Snapshot) -> Row:
    """A workspace's settings, the defaults if none were ever set."""
    return rows.get("settings", "convai") or SettingsBody().model_dump(mode="json")


async def read(call: Call[Body, Query]) -> dict[str, Any]:
    """GET /v1/convai/settings"""
    with call.reading() as rows:
        return read_row(rows)


async def patch(call: Call[SettingsBody, Query]) -> dict[str, Any]:
    """PATCH /v1/convai/settings"""
    given = call.body.model_dump(mode="json", exclude_unset=True)
    with call.rows() as rows:
        settings = parse(SettingsBody, merge(read_row(rows), given), "body")
        if call.setup.switches.check_webhook:
            check_webhook(rows, settings.webhooks)
        row = settings.model_dump(mode="json")
        rows.put("settings", "convai", row)
    return row


def check_webhook(rows: Snapshot, webhooks: Webhooks) -> None:
    """Refuse a post-call webhook that isn't there."""
    id = webhooks.post_call_webhook_id
    if id is not None and rows.get("webhook", id) is None:
        raise missing(id)


def missing(id: str) -> Refusal:
    """The 404 for a webhook; its code is assumed."""
    return not_found("webhook_not_found", f"Webhook with id {id} not found.", "webhook_id")


_PATH = "/v1/convai/settings"
ROUTES = [
    route("GET", _PATH, read, scope="convai_read"),
    route("PATCH", _PATH, patch, body=SettingsBody, scope="convai_write"),
]
