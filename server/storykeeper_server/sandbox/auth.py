"""API keys: each is a workspace of its own, known here only by its digest."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from starlette.datastructures import Headers

from .envelopes import Refusal


def workspace(key: str) -> str:
    """The id of a key's workspace: a digest, so that no key is ever stored."""
    return hashlib.sha256(f"workspace {key}".encode()).hexdigest()[:32]


def user(workspace: str) -> str:
    """The id of a workspace's only user."""
    return hashlib.sha256(f"user {workspace}".encode()).hexdigest()[:28]


def authenticate(headers: Headers, workspaces: Collection[str], scope: str) -> str:
    """The caller's workspace, or the service's 401."""
    key = headers.get("xi-api-key")
    if key and (found := workspace(key)) in workspaces:
        return found
    if key:
        raise _unauthorized("invalid_api_key", "Invalid API key")
    if "authorization" in headers:
        raise _unauthorized("invalid_authorization_header", "Invalid authorization header")
    raise _unauthorized(
        "needs_authorization", "Neither authorization header nor xi-api-key received, please provide one."
    )


def _unauthorized(status: str, message: str) -> Refusal:
    return Refusal(401, "authentication_error", "unauthorized", message, status=status)
