"""Workspace webhooks: where the service calls back, and the secrets that it signs with."""

from __future__ import annotations

import secrets
from typing import Any, Literal
from urllib.parse import urlsplit

from ..addresses import leads_here
from ..envelopes import invalid
from ..routing import Call, route
from ..schema import Body, Part, Query
from ..state import Row, Snapshot
from . import convai_settings

Event = Literal["voice_library_removal_notice", "speech_to_text", "agent_qa", "flows"]


class WebhookSettings(Part):
    """A webhook that is signed with a shared secret."""

    auth_type: Literal["hmac"]
    name: str
    webhook_url: str
    request_headers: dict[str, str] | None = None


class CreateBody(Body):
    """A new webhook."""

    settings: WebhookSettings


class PatchBody(Body):
    """A change. `retry_enabled` is kept, but nothing is sent twice here."""

    is_disabled: bool
    name: str
    retry_enabled: bool | None = None
    request_headers: dict[str, str] | None = None
    events: list[Event] | None = None


class WebhooksQuery(Query):
    """Whether to tell what uses each webhook."""

    include_usages: bool = False


async def create(call: Call[CreateBody, Query]) -> dict[str, str]:
    """POST /v1/workspace/webhooks. The only time that the secret is told.

    The service takes HTTPS only; here plain HTTP is right too where it goes to a loopback address.
    """
    settings = call.body.settings
    _check_url(settings.webhook_url)
    webhook: Row = {
        "id": secrets.token_hex(16),
        "created": call.now,
        "name": settings.name,
        "url": settings.webhook_url,
        "headers": settings.request_headers or {},
        "secret": f"wsec_{secrets.token_hex(32)}",
        "disabled": False,
        "auto_disabled": False,
        "retry": False,
        "events": [],
        "failures": 0,
        "last_failure": None,
    }
    with call.rows() as rows:
        rows.put("webhook", webhook["id"], webhook)
    return {"webhook_id": webhook["id"], "webhook_secret": webhook["secret"]}


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        right = bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        right = False
    if not right or not (url.startswith("https://") or (url.startswith("http://") and leads_here(url))):
        raise invalid("invalid_webhook_url", "The webhook URL must be an HTTPS URL.", "webhook_url")


async def index(call: Call[Body, WebhooksQuery]) -> dict[str, Any]:
    """GET /v1/workspace/webhooks"""
    with call.reading() as rows:
        webhooks = sorted(rows.all("webhook"), key=lambda webhook: (webhook["created"], webhook["id"]))
        users = _users(rows) if call.query.include_usages else None
    return {"webhooks": [_view(webhook, users) for webhook in webhooks]}


def _users(rows: Snapshot) -> dict[str, list[str | None]]:
    agents = [agent["settings"]["platform_settings"]["workspace_overrides"]["webhooks"] for agent in rows.all("agent")]
    return {
        "ConvAI Settings": [convai_settings.read_row(rows)["webhooks"]["post_call_webhook_id"]],
        "ConvAI Agent Settings": [webhooks["post_call_webhook_id"] for webhooks in agents],
    }


def _view(webhook: Row, users: dict[str, list[str | None]] | None) -> dict[str, Any]:
    failure = webhook["last_failure"] or {"code": None, "at": None}
    return {
        "name": webhook["name"],
        "webhook_id": webhook["id"],
        "webhook_url": webhook["url"],
        "is_disabled": webhook["disabled"],
        "is_auto_disabled": webhook["auto_disabled"],
        "created_at_unix": int(webhook["created"]),
        "auth_type": "hmac",
        "usage": users and [{"usage_type": kind} for kind, used in users.items() if webhook["id"] in used],
        "events": None if users is None else webhook["events"],
        "most_recent_failure_error_code": failure["code"],
        "most_recent_failure_timestamp": failure["at"],
    }


async def patch(call: Call[PatchBody, Query]) -> dict[str, str]:
    """PATCH /v1/workspace/webhooks/{id}. Enabling one that was disabled for its failures forgets them."""
    body = call.body
    with call.rows() as rows:
        webhook = _find(rows, call.id)
        webhook |= {"name": body.name, "disabled": body.is_disabled}
        if not body.is_disabled:
            webhook |= {"auto_disabled": False, "failures": 0}
        given = {"retry": body.retry_enabled, "headers": body.request_headers, "events": body.events}
        webhook |= {name: value for name, value in given.items() if value is not None}
        rows.put("webhook", call.id, webhook)
    return {"status": "ok"}


async def delete(call: Call[Body, Query]) -> dict[str, str]:
    """DELETE /v1/workspace/webhooks/{id}. What refers to it goes on doing so, in vain."""
    with call.rows() as rows:
        _find(rows, call.id)
        rows.drop("webhook", call.id)
    return {"status": "ok"}


def _find(rows: Snapshot, id: str) -> Row:
    webhook = rows.get("webhook", id)
    if webhook is None:
        raise convai_settings.missing(id)
    return webhook


_PREFIX = "/v1/workspace/webhooks"
ROUTES = [
    route("GET", _PREFIX, index, query=WebhooksQuery, scope="workspace_read"),
    route("POST", _PREFIX, create, body=CreateBody, scope="webhooks_write"),
    route("PATCH", f"{_PREFIX}/{{id}}", patch, body=PatchBody, scope="webhooks_write"),
    route("DELETE", f"{_PREFIX}/{{id}}", delete, scope="webhooks_write"),
]
