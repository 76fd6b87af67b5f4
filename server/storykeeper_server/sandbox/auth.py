"""API keys: the workspace of each, what it may do, from where, and how much of it. Known here only by digests."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from starlette.datastructures import Address, Headers

from .envelopes import Refusal

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Every permission that the service's keys know.
_NAMES = """
    add_voice_from_voice_library agents_architect audio_isolation audio_native_read audio_native_write
    audit_log_read convai_read convai_write conversation_privacy_manage copy_resources_cross_workspace
    create_instant_voice_clone create_professional_voice_clone create_user_api_key dubbing_read dubbing_write
    flows forced_alignment group_members_manage image_video_generation models_read models_write music_generation
    projects_read projects_write pronunciation_dictionaries_read pronunciation_dictionaries_write
    publish_voice_to_voice_library service_account_write share_voice_externally sound_generation
    speech_history_read speech_history_write speech_to_speech speech_to_text synthid_detector templates
    terms_of_service_accept text_to_speech user_read user_write voice_collections_read voice_collections_write
    voice_generation voices_read voices_write webhooks_write workspace_analytics_full_read
    workspace_members_invite workspace_members_read workspace_members_remove workspace_read workspace_write
"""
PERMISSIONS = frozenset(_NAMES.split())


@dataclass(frozen=True)
class Key:
    """A key. Without scopes it may do everything, without credits spend all, without networks come from anywhere."""

    digest: str
    workspace: str
    scopes: frozenset[str] | None = None
    credits: int | None = None
    networks: tuple[Network, ...] = ()


def workspace(name: str) -> str:
    """The id of a workspace, by its name or its only key: a digest, so that no key is ever stored."""
    return hashlib.sha256(f"workspace {name}".encode()).hexdigest()[:32]


def digest(key: str) -> str:
    """What a key is known by; its first digits may be shown."""
    return hashlib.sha256(key.encode()).hexdigest()


@lru_cache(maxsize=1024)
def user(workspace: str) -> str:
    """The id of a workspace's only user."""
    return hashlib.sha256(f"user {workspace}".encode()).hexdigest()[:28]


def key(text: str) -> Key:
    """`KEY [workspace=NAME] [scopes=a,b] [credits=N] [addresses=IP,NETWORK]`; a workspace is named after its first key."""
    name, *options = text.split() or [""]
    if not name.isascii() or not name:
        raise ValueError("a key is some letters and digits, without spaces")
    made = Key(digest(name), workspace(name))
    for option in options:
        made = _with(made, *option.partition("=")[::2])
    return made


def _with(made: Key, name: str, value: str) -> Key:
    values = [part for part in value.split(",") if part]
    if name == "workspace" and value:
        return replace(made, workspace=workspace(value))
    if name == "scopes":
        unknown = {*values} - PERMISSIONS
        if unknown:
            raise ValueError(f"no permission {', '.join(sorted(unknown))}; there are {', '.join(sorted(PERMISSIONS))}")
        return replace(made, scopes=frozenset(values))
    if name == "credits" and value.isdecimal():
        return replace(made, credits=int(value))
    if name == "addresses" and values:
        return replace(made, networks=tuple(ipaddress.ip_network(part) for part in values))
    raise ValueError(f"{name}={value}: a key can have workspace=NAME, scopes=A,B, credits=N and addresses=IP,NETWORK")


def authenticate(headers: Headers, client: Address | None, keys: Mapping[str, Key], scope: str) -> Key:
    """The caller's key, or the service's refusal: which key, from where, and for what, in this order."""
    given = headers.get("xi-api-key")
    found = keys.get(digest(given)) if given else None
    if found is None:
        raise _unknown(headers)
    if found.networks and not _within(client, found.networks):
        raise Refusal(403, "authorization_error", "forbidden", "This API key can't be used from this IP address.")
    if scope and found.scopes is not None and scope not in found.scopes:
        message = f"The API key you used is missing the permission {scope} to execute this operation."
        raise _unauthorized("missing_permissions", message)
    return found


def _within(client: Address | None, networks: tuple[Network, ...]) -> bool:
    try:
        address = ipaddress.ip_address(client.host if client else "")
    except ValueError:
        return False
    return any(address in network for network in networks)


def _unknown(headers: Headers) -> Refusal:
    if headers.get("xi-api-key"):
        return _unauthorized("invalid_api_key", "Invalid API key")
    if "authorization" in headers:
        return _unauthorized("invalid_authorization_header", "Invalid authorization header")
    return keyless()


def keyless() -> Refusal:
    """The service's 401 for a call without any key."""
    message = "Neither authorization header nor xi-api-key received, please provide one."
    return _unauthorized("needs_authorization", message)


def _unauthorized(status: str, message: str) -> Refusal:
    return Refusal(401, "authentication_error", "unauthorized", message, status=status)
