"""Running the steps on a side: what happened in each, and everything taken away again whatever happens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import anyio
import httpx
from elevenlabs.core.api_error import ApiError
from websockets.exceptions import WebSocketException

from live.budget import MOST, OverBudget
from live.steps import LAST, STEPS, Step
from live.world import PREFIX, Missing, World

AI = "conversational_ai"
DONE = "done"
CREDITS = 1000  # far more than a run needs


async def walk(world: World, steps: Sequence[Step]) -> None:
    """Run steps; one that fails doesn't end the run."""
    for step in steps:
        world.step = step.__name__.replace("_", " ")
        world.outcomes[world.step] = await _outcome(world, step)


async def explore(world: World, probes: Mapping[str, Callable[[World], Awaitable[Any]]]) -> dict[str, Any]:
    """What each probe found, or why it found nothing."""
    found: dict[str, Any] = {}
    for name, probe in probes.items():
        world.step = f"probe of {name}"

        async def ask(world: World, name: str = name, probe: Callable[[World], Awaitable[Any]] = probe) -> None:
            found[name] = await probe(world)

        outcome = await _outcome(world, ask)
        if outcome != DONE:
            found[name] = Unknown(outcome)
    return found


async def _outcome(world: World, step: Step) -> str:
    try:
        await step(world)
    except Missing as missing:
        return f"not run: there is no {missing}"
    except ApiError as error:
        return f"refused: {error.status_code}"
    except (OverBudget, httpx.HTTPError, WebSocketException, TimeoutError) as error:
        return f"failed: {type(error).__name__} {error if isinstance(error, OverBudget) else ''}".strip()
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, AssertionError) as error:
        return f"failed: an answer of another shape ({type(error).__name__})"
    return DONE


def steps(*, real: bool) -> list[Step]:
    """All but the last, in order; fewer at the service."""
    return [step for step, only_here in STEPS.items() if not (real and only_here)]


class Unknown(str):
    """Why a probe found nothing."""


class NoRoom(Exception):
    """The account hasn't what a run needs."""


async def check_room(world: World) -> None:
    """Raises NoRoom unless the plan has room for a voice and its changes, and some credits."""
    account = await world.sdk("user.subscription.get")
    try:
        edits = account.max_voice_add_edits - account.voice_add_edit_counter
        room = {
            "a voice": account.voice_limit - account.voice_slots_used >= MOST["voice"],
            "2 changes of voices this month": edits >= 2,
            f"{CREDITS} credits": account.character_limit - account.character_count >= CREDITS,
            "instant voice cloning": account.can_use_instant_voice_cloning,
        }
    except (AttributeError, TypeError):
        room = {"what could be understood from its subscription": False}
    missing = [what for what, there in room.items() if not there]
    if missing:
        raise NoRoom(f"the account has no room for {', '.join(missing)}")


async def sweep(world: World) -> list[str]:
    """Delete what this run made and what earlier runs left; answers what is still there."""
    world.step = ""
    with anyio.CancelScope(shield=True):
        await _find_leftovers(world)
        for id, sort in reversed(list(world.budget.made.items())):
            if await _delete(world, id, sort):
                del world.budget.made[id]
    return [f"{sort} {id}" for id, sort in world.budget.made.items()]


async def _find_leftovers(world: World) -> None:
    # Things of an earlier run that was killed, or whose creation was never answered.
    lists = {
        "voice": ("voices.search", "voices", "voice_id"),
        "document": (f"{AI}.knowledge_base.list", "documents", "id"),
        "agent": (f"{AI}.agents.list", "agents", "agent_id"),
    }
    for sort, (method, items, id) in lists.items():
        try:
            found = await world.sdk(method, search=PREFIX, page_size=100)
        except (ApiError, httpx.HTTPError):
            continue
        for item in getattr(found, items):
            if item.name.startswith(PREFIX):
                world.budget.made.setdefault(getattr(item, id), sort)


async def _delete(world: World, id: str, sort: str) -> bool:
    """Whether it is gone."""
    methods = {
        "voice": ("voices.delete", {}),
        "document": (f"{AI}.knowledge_base.documents.delete", {"force": True}),
        "agent": (f"{AI}.agents.delete", {}),
        "conversation": (f"{AI}.conversations.delete", {}),
    }
    method, options = methods[sort]
    for _ in range(3):
        try:
            await world.sdk(method, id, **options)
        except ApiError as error:
            if error.status_code == 404:
                return True
        except httpx.HTTPError:
            pass
        else:
            return True
        await world.pause()
    return False


__all__ = ["DONE", "LAST", "NoRoom", "Unknown", "check_room", "explore", "steps", "sweep", "walk"]
