"""Whoever listens to a companion hears of it, whichever process changed it; where nobody listens, nobody looks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from mcp.shared.subscriptions import ResourcesListChanged, ResourceUpdated
from mcp.types import INVALID_PARAMS, ResourceUpdatedNotification

from stage import EXAMPLE, Stage
from storykeeper_server.mcp.app import build
from storykeeper_server.mcp.living import LivingServer
from storykeeper_server.mcp.shelf import Shelf
from storykeeper_server.mcp.watching import MOST, Watch
from storykeeper_server.wiring import Storykeeper, wire
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.files import allow

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore:resources/.*subscribe is removed"),  # which is what the older era has
]
LOOK = 0.01


def server(stage: Stage) -> LivingServer:
    @asynccontextmanager
    async def running(_: object) -> AsyncGenerator[None]:
        yield  # the stage opens and closes what the resources need

    shelf = Shelf(stage.keeper.companions, stage.keeper.retirement.receipts)
    return build(stage.keeper.tools, running, "0", shelf=shelf, look_seconds=LOOK)


@asynccontextmanager
async def another(stage: Stage) -> AsyncGenerator[Storykeeper]:
    """What another process of the same workspace has: nothing in common but the disk."""
    keeper = wire(stage.keeper.settings, files=allow([stage.home, EXAMPLE], base=stage.home), durable=False)
    async with keeper.running(work=False):
        yield keeper


async def planned(stage: Stage) -> Any:
    said = {"subject": {"name": "Dorothy"}, "recordings": [str(EXAMPLE / "recording.mp3")]}
    plan = await stage.call("plan_companion", spec=Wish.model_validate(said))
    await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
    return plan


class Heard:
    """What a client of the older era is told."""

    def __init__(self) -> None:
        self.uris: list[str] = []
        self.changed = anyio.Event()

    async def __call__(self, message: Any) -> None:
        if isinstance(message, ResourceUpdatedNotification):
            self.uris.append(str(message.params.uri))
            self.changed.set()


async def test_a_listener_hears_of_a_run_until_it_leaves(stage: Stage) -> None:
    """Of the companion and of what stands below it; and nobody looks before or after."""
    plan, living = await planned(stage), server(stage)
    uri = f"companion://{plan.companion}"
    assert not living.watched
    async with Client(living) as client:
        async with client.listen(resource_subscriptions=[uri, f"{uri}/plan", "storykeeper://guide"]) as heard:
            assert living.watched
            await client.call_tool("provision_companion", {"plan_id": plan.plan_id})
            with anyio.fail_after(60):
                told = {(await anext(heard)), (await anext(heard))}
        assert told == {ResourceUpdated(uri), ResourceUpdated(f"{uri}/plan")}
        with anyio.fail_after(60):
            while living.watched:
                await anyio.lowlevel.checkpoint()


async def test_two_who_listen_hear_it_once_each(stage: Stage) -> None:
    """One change, one word to each; who stays goes on hearing."""
    plan, living = await planned(stage), server(stage)
    uri = f"companion://{plan.companion}"
    async with Client(living) as client, client.listen(resource_subscriptions=[uri]) as first:
        async with client.listen(resource_subscriptions=[uri]) as second:
            stage.keeper.ledger.keep_companion(stage.keeper.ledger.companions()[0].model_copy(update={"planned": "x"}))
            with anyio.fail_after(60):
                assert await anext(first) == await anext(second) == ResourceUpdated(uri)
        stage.keeper.ledger.keep_companion(stage.keeper.ledger.companions()[0].model_copy(update={"planned": ""}))
        with anyio.fail_after(60):
            assert await anext(first) == ResourceUpdated(uri)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_what_another_process_does_is_heard(stage: Stage, mode: Any) -> None:
    """It leaves word on the disk only."""
    plan, living, heard = await planned(stage), server(stage), Heard()
    uri = f"companion://{plan.companion}"

    async def elsewhere() -> None:
        async with another(stage) as keeper:
            keeper.ledger.keep_companion(keeper.ledger.companions()[0].model_copy(update={"planned": plan.plan_id}))

    async with Client(living, mode=mode, message_handler=heard) as client:
        with anyio.fail_after(60):
            if mode == "legacy":
                await client.subscribe_resource(uri)  # pyright: ignore[reportDeprecated]
                await elsewhere()
                await heard.changed.wait()
            else:
                async with client.listen(resource_subscriptions=[uri]) as stream:
                    await elsewhere()
                    heard.uris.append((await anext(stream)).uri)  # pyright: ignore[reportAttributeAccessIssue]
    assert set(heard.uris) == {uri}
    assert not living.watched


async def test_in_the_older_era_listening_can_be_taken_back(stage: Stage) -> None:
    """Said twice it is one; what doesn't change can't be listened to."""
    plan, living, heard = await planned(stage), server(stage), Heard()
    uri = f"companion://{plan.companion}"
    async with Client(living, mode="legacy", message_handler=heard) as client:
        assert client.server_capabilities.resources is not None
        assert client.server_capabilities.resources.subscribe
        for _ in range(2):
            await client.subscribe_resource(uri)  # pyright: ignore[reportDeprecated]
        assert living.watched
        await client.unsubscribe_resource(uri)  # pyright: ignore[reportDeprecated]
        assert not living.watched
        with pytest.raises(MCPError) as refused:
            await client.subscribe_resource("storykeeper://guide")  # pyright: ignore[reportDeprecated]
        assert refused.value.error.code == INVALID_PARAMS
        await client.subscribe_resource(uri)  # pyright: ignore[reportDeprecated]
    with anyio.fail_after(60):
        while living.watched:  # the connection has ended, and with it what was listened to
            await anyio.lowlevel.checkpoint()


async def test_a_new_companion_changes_the_list(stage: Stage) -> None:
    """For those who asked to hear of that."""
    living = server(stage)
    async with Client(living) as client, client.listen(resources_list_changed=True) as heard:
        await planned(stage)
        with anyio.fail_after(60):
            assert await anext(heard) == ResourcesListChanged()


async def test_a_ledger_that_is_away_for_a_moment_ends_no_listening(stage: Stage) -> None:
    """A spoilt row says nothing; once it is mended, a change is heard."""
    plan, living = await planned(stage), server(stage)
    uri, ledger = f"companion://{plan.companion}", stage.keeper.ledger
    [dorothy] = ledger.companions()
    listened: Any = {"resource_subscriptions": [uri], "resources_list_changed": True}
    async with Client(living) as client, client.listen(**listened) as heard:
        ledger.database.query("UPDATE companions SET body = '{'")
        ledger.keep_companion(dorothy.model_copy(update={"id": "anna-0000", "marker": "keep-anna"}))
        with anyio.fail_after(60):
            assert await anext(heard) == ResourcesListChanged()  # so it was looked at meanwhile
        ledger.keep_companion(dorothy)
        ledger.keep_companion(dorothy.model_copy(update={"id": "bea-0000", "marker": "keep-bea"}))
        with anyio.fail_after(60):
            assert await anext(heard) == ResourcesListChanged()  # and Dorothy is as she was
        ledger.keep_companion(dorothy.model_copy(update={"planned": plan.plan_id}))
        with anyio.fail_after(60):
            assert await anext(heard) == ResourceUpdated(uri)


async def test_one_listener_has_so_many_addresses(stage: Stage) -> None:
    """The next is refused until one is taken back, and a long one always: listeners may be anybody who may read."""
    async with Client(server(stage), mode="legacy") as client:
        subscribe, leave = client.subscribe_resource, client.unsubscribe_resource  # pyright: ignore[reportDeprecated]
        for number in range(MOST):
            await subscribe(f"companion://x-{number}")
        for uri in ("companion://one-too-many", f"companion://{'x' * 200}"):
            with pytest.raises(MCPError, match="more than can be listened to"):
                await subscribe(uri)
            await leave("companion://x-1")
        await subscribe("companion://one-too-many")


async def test_a_thousand_companions_are_looked_at_and_no_more() -> None:
    """However many listen, and for whatever."""
    looked: list[str] = []
    watch = Watch(lambda companion: looked.append(companion) or "", seconds=60)

    async def tell(_: str) -> None:
        raise AssertionError

    taken = [watch.add(tell, f"companion://x-{number}") for number in range(1500)]
    assert (len(looked), sum(taken), watch.add(tell, "companion://x-1/plan")) == (1000, 1000, True)
    for uri in ("companion://x-1/plan", *(f"companion://x-{number}" for number in range(1000))):
        watch.remove(tell, uri)
    assert not watch.looking


class Counted(str):
    """A text that counts how often it is looked at."""

    __slots__ = ()
    looks = 0

    def startswith(self, *args: Any) -> bool:
        Counted.looks += 1
        return super().startswith(*args)


async def test_who_leaves_does_not_hold_up_the_others() -> None:
    """It costs the same however many listen: it had once stopped the server for minutes."""

    async def tell(_: str) -> None:
        raise AssertionError

    uris = [Counted(f"companion://x-{number}") for number in range(MOST)]
    with Watch(str, seconds=60).listening(uris, tell):
        pass
    assert Counted.looks <= 5 * len(uris)
