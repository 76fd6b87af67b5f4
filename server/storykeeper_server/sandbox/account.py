"""The user, the subscription and its counters, and what the service offers to everybody."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response

from . import auth
from .catalogue import DEPRECATION, llms, models
from .envelopes import Refusal, not_found
from .plans import Plan
from .routing import Call, route
from .schema import Body, Query
from .state import Row, Rows, Snapshot

_PERIOD = 30 * 24 * 60 * 60

Plain = Call[Body, Query]


def account(rows: Snapshot, now: float) -> Row:
    """The workspace's account, beginning now if it was never used; counters start anew with each period."""
    fresh: Row = {"period": 0, "edits": 0, "credits": 0, "keys": {}}
    found = {"created": now, **fresh, **(rows.get("account", "account") or {})}
    period = int((now - found["created"]) // _PERIOD)
    # A new period is written with the first thing that counts in it, so that reading stays reading.
    return found if period == found["period"] else {**found, **fresh, "period": period}


def room_for_voice(rows: Snapshot, plan: Plan, now: float) -> None:
    """Nothing, if one more cloned voice may be added; else the service's 400."""
    used = rows.count("voice")
    if not plan.instant:
        message = "Your subscription does not include instant voice cloning. Please upgrade your plan."
        raise Refusal(
            400, "payment_required", "paid_plan_required", message, status="can_not_use_instant_voice_cloning"
        )
    if used >= plan.voices:
        message = (
            f"You have reached your maximum amount of custom voices ({used} / {plan.voices}). "
            "You can upgrade your subscription to increase your custom voice limit."
        )
        raise Refusal(400, "payment_required", "voice_limit_reached", message)
    room_for_edit(rows, plan, now)


def room_for_edit(rows: Snapshot, plan: Plan, now: float) -> None:
    """Nothing, if a voice may be added or edited once more in this period; else the service's 400."""
    edits = account(rows, now)["edits"]
    if edits >= plan.edits:
        message = f"You have reached your monthly limit of voice add/edit operations ({edits} / {plan.edits})."
        raise Refusal(400, "payment_required", "voice_add_edit_limit_reached", message)


def count_edit(rows: Rows, now: float) -> None:
    """One more voice was added or edited."""
    found = account(rows, now)
    rows.put("account", "account", {**found, "edits": found["edits"] + 1})


def left(rows: Snapshot, plan: Plan, now: float, key: auth.Key | None = None) -> int:
    """The credits that this period still has, for a key that has a cap of its own too; never below 0."""
    remaining, _, _ = _budget(account(rows, now), plan, key)
    return max(0, remaining)


def _budget(found: Row, plan: Plan, key: auth.Key | None) -> tuple[int, int, str]:
    """What is left, of how much, and of what: the plan's credits, or the key's where less is left of them."""
    budget = plan.credits - found["credits"], plan.credits, "quota"
    if key is None or key.credits is None:
        return budget
    return min(budget, (key.credits - found["keys"].get(key.digest, 0), key.credits, "API key quota"))


def check_credits(
    rows: Snapshot, plan: Plan, now: float, credits: int, refusal: str = "402", key: auth.Key | None = None
) -> None:
    """Nothing, if there are so many credits left; else the service's refusal, as the switch `credit_refusal` says."""
    remaining, whole, name = _budget(account(rows, now), plan, key)
    if credits <= remaining:
        return
    message = (
        f"This request exceeds your {name} of {whole}. You have {max(0, remaining)} credits remaining, "
        f"while {credits} credits are required for this request."
    )
    if refusal == "401":
        raise Refusal(401, "authentication_error", "quota_exceeded", message)
    raise Refusal(402, "payment_required", "insufficient_credits", message, status="quota_exceeded")


def charge(rows: Rows, plan: Plan, now: float, credits: int, refusal: str = "402", key: auth.Key | None = None) -> None:
    """Count credits as used, or refuse as `check_credits` does."""
    check_credits(rows, plan, now, credits, refusal, key)
    spend(rows, now, credits, key)


def spend(rows: Rows, now: float, credits: int, key: auth.Key | None = None) -> None:
    """Count credits as used though it may be more than there are: what was heard was heard."""
    found = account(rows, now)
    keys = {**found["keys"], key.digest: found["keys"].get(key.digest, 0) + credits} if key else found["keys"]
    rows.put("account", "account", {**found, "credits": found["credits"] + credits, "keys": keys})


def access(workspace: str) -> dict[str, Any]:
    """The `access_info` of everything in a workspace: its only user made it."""
    return {
        "is_creator": True,
        "creator_name": "Sandbox",
        "creator_email": f"{workspace[:8]}@sandbox.invalid",
        "role": "admin",
    }


async def read_user(call: Plain) -> dict[str, Any]:
    """GET /v1/user"""
    subscription, created = _subscription(call)
    return {
        "user_id": auth.user(call.workspace),
        "subscription": subscription,
        "is_new_user": False,
        "can_use_delayed_payment_methods": False,
        "is_onboarding_completed": True,
        "is_onboarding_checklist_completed": True,
        "show_compliance_terms": False,
        "first_name": "Sandbox",
        "is_api_key_hashed": True,
        "xi_api_key_preview": None,
        "created_at": int(created),
        "seat_type": "workspace_admin",
    }


async def read_subscription(call: Plain) -> dict[str, Any]:
    """GET /v1/user/subscription"""
    subscription, _ = _subscription(call)
    return {**subscription, "next_invoice": None, "open_invoices": [], "has_open_invoices": False}


def _subscription(call: Plain) -> tuple[dict[str, Any], float]:
    plan = call.setup.plan
    with call.reading() as rows:
        found, voices = account(rows, call.now), rows.count("voice")
        opened = rows.get("account", "account") is not None
    if not opened:
        # What was told of its periods is to stay true.
        with call.rows() as rows:
            found = account(rows, call.now)
            rows.put("account", "account", found)
    reset = found["created"] + (found["period"] + 1) * _PERIOD
    subscription = {
        "tier": plan.tier,
        "character_count": found["credits"],
        "character_limit": plan.credits,
        "max_character_limit_extension": None,
        "max_credit_limit_extension": 0,
        "can_extend_character_limit": False,
        "allowed_to_extend_character_limit": False,
        "next_character_count_reset_unix": int(reset),
        "voice_slots_used": voices,
        "professional_voice_slots_used": 0,
        "professional_voice_slots_used_in_workspace": 0,
        "voice_limit": plan.voices,
        "max_voice_add_edits": plan.edits,
        "voice_add_edit_counter": found["edits"],
        "professional_voice_limit": plan.professional,
        "can_extend_voice_limit": False,
        "can_use_instant_voice_cloning": plan.instant,
        "can_use_professional_voice_cloning": plan.professional > 0,
        "currency": "usd",
        "current_overage": {"amount": "0", "currency": "usd"},
        "status": "free" if plan.tier == "free" else "active",
        "billing_period": None if plan.tier == "free" else "monthly_period",
        "character_refresh_period": "monthly_period",
    }
    return subscription, found["created"]


async def list_models(call: Plain) -> list[dict[str, Any]]:
    """GET /v1/models"""
    if call.key is None and call.setup.switches.models_without_key == "workspace_not_found":
        raise not_found("workspace_not_found", "Workspace not found.")
    if call.key is None:
        raise auth.keyless()
    return models()


async def list_llms(call: Plain) -> Response:
    """GET /v1/convai/llm/list"""
    return Response(_llms(), media_type="application/json")


@cache
def _llms() -> bytes:
    # It never changes, and is more than a hundred rows.
    return to_json({"llms": llms(), "default_deprecation_config": DEPRECATION})


ROUTES = [
    route("GET", "/v1/user", read_user, scope="user_read"),
    route("GET", "/v1/user/subscription", read_subscription, scope="user_read"),
    route("GET", "/v1/models", list_models, public=True, scope="models_read"),
    route("GET", "/v1/convai/llm/list", list_llms, scope="convai_read"),
]
