"""The user, the subscription and its counters, and what the service offers to everybody."""

from __future__ import annotations

from typing import Any

from . import auth
from .catalogue import DEPRECATION, llms, models
from .envelopes import Refusal
from .plans import Plan
from .routing import Call, route
from .schema import Body, Query
from .state import Row, Rows

_PERIOD = 30 * 24 * 60 * 60

Plain = Call[Body, Query]


def account(rows: Rows, now: float) -> Row:
    """The workspace's account, opened at its first use; counters start anew with each period."""
    found = rows.get("account", "account") or {"created": now, "period": 0, "edits": 0}
    period = int((now - found["created"]) // _PERIOD)
    if period != found["period"]:
        found |= {"period": period, "edits": 0}
    rows.put("account", "account", found)
    return found


def room_for_voice(rows: Rows, plan: Plan, now: float) -> Row:
    """The account, if it may add one more cloned voice; else the service's 400."""
    found, used = account(rows, now), rows.count("voice")
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
    if found["edits"] >= plan.edits:
        message = f"You have reached your monthly limit of voice add/edit operations ({found['edits']} / {plan.edits})."
        raise Refusal(400, "payment_required", "voice_add_edit_limit_reached", message)
    return found


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
    with call.rows() as rows:
        found, voices = account(rows, call.now), rows.count("voice")
    reset = found["created"] + (found["period"] + 1) * _PERIOD
    subscription = {
        "tier": plan.tier,
        "character_count": 0,
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
    return models()


async def list_llms(call: Plain) -> dict[str, Any]:
    """GET /v1/convai/llm/list"""
    return {"llms": llms(), "default_deprecation_config": DEPRECATION}


ROUTES = [
    route("GET", "/v1/user", read_user),
    route("GET", "/v1/user/subscription", read_subscription),
    route("GET", "/v1/models", list_models),
    route("GET", "/v1/convai/llm/list", list_llms),
]
