"""Questions to the person at the host: before anything is spent or deleted, in both eras of the protocol."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import INVALID_REQUEST, CallToolResult, ElicitResult, ErrorData, InputRequiredResult

import sounds
from judge import Judge
from stage import EXAMPLE, Stage, open_stage
from storykeeper_server.mcp.app import build
from storykeeper_tools.errors import NeedsConfirm

pytestmark = pytest.mark.anyio
RECORDING = str(EXAMPLE / "recording.mp3")
SPEC = {"subject": {"name": "Dorothy"}, "recordings": [RECORDING]}
CONSENT = {"name": "Dorothy", "recordings": [RECORDING], "kind": "self", "granted_by": "Dorothy"}
YES = {"agree": True, "kind": "self", "granted_by": "Dorothy", "confirm": True}
NOT_YES = [
    ElicitResult(action="decline"),
    ElicitResult(action="cancel"),
    ElicitResult(action="accept", content={"confirm": False}),
    ElicitResult(action="accept", content={}),
    ElicitResult(action="accept", content={"confirm": "yes"}),
    ElicitResult(action="accept", content={"confirm": 1}),
]
both = pytest.mark.parametrize("mode", ["auto", "legacy"])
each_no = pytest.mark.parametrize("no", NOT_YES, ids=["declined", "sent away", "no", "empty", "a word", "a number"])


class Person:
    """Sits at the host, and answers what is asked: with `answer`, or a yes to everything."""

    def __init__(self, answer: ElicitResult | ErrorData | None = None) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def __call__(self, context: Any, params: Any) -> ElicitResult | ErrorData:
        self.asked.append(params.message)
        said = {field: YES[field] for field in params.requested_schema["properties"]}
        return self.answer or ElicitResult(action="accept", content=said)


Call = Callable[..., Awaitable[tuple[str, dict[str, Any]]]]


@asynccontextmanager
async def serving(stage: Stage, mode: Any, person: Person | None = None) -> AsyncGenerator[Client]:
    @asynccontextmanager
    async def running(_: object) -> AsyncGenerator[None]:
        yield  # the stage opens and closes what the tools need

    async with Client(build(stage.keeper.tools, running, "0"), mode=mode, elicitation_callback=person) as client:
        yield client


@asynccontextmanager
async def at_the_host(stage: Stage, mode: Any, person: Person | None = None) -> AsyncGenerator[Call]:
    """Yields a way to call a tool: its text, and its structured result."""
    async with serving(stage, mode, person) as client:

        async def call(name: str, /, **arguments: Any) -> tuple[str, dict[str, Any]]:
            result = await client.call_tool(name, arguments)
            return result.content[0].text, result.structured_content or {}  # type: ignore[union-attr]

        yield call


async def planned(call: Call) -> str:
    return (await call("plan_companion", spec=SPEC))[1]["plan_id"]


async def made(stage: Stage) -> Any:
    """Dorothy, by who asks nobody."""
    async with at_the_host(stage, "auto") as call:
        id = await planned(call)
        await call("record_consent", companion=id, kind="self", granted_by="Dorothy")
        return (await call("provision_companion", plan_id=id))[1]


@both
async def test_a_person_is_asked_for_the_consent_and_then_for_the_spending(stage: Stage, mode: Any) -> None:
    """One question each, with the plan, what it makes and what it costs; said again, nobody is asked."""
    person = Person()
    async with at_the_host(stage, mode, person) as call:
        id = await planned(call)
        _, view = await call("provision_companion", plan_id=id)
        await call("provision_companion", plan_id=id)
    assert view["status"] == "done"
    consent, spending = person.asked
    assert consent.startswith("May the voice of Dorothy be cloned")
    assert spending.splitlines()[:3] == [
        f'Carry out {id} for {view["companion"]} ("Dorothy")?',
        "It will create 1 voice; create 1 agent.",
        "It spends 1 voice slot and 1 of this month's voice changes.",
    ]
    assert "sandbox" in spending
    assert stage.faults.sent("POST", "/v1/voices/add") == 1


@both
async def test_what_a_plan_warns_of_is_in_its_question(stage: Stage, mode: Any) -> None:
    """Three of them, each in a line and cut; how many more there are is said, and a plan shows all."""
    said = sounds.speech(80)
    (stage.home / "noisy.wav").write_bytes(sounds.wav(0.5 * sounds.under(said, sounds.noise(len(said)), 14), 16_000))
    looser = {"max_minutes": 60, "retention_days": 90, "daily_visits": 50, "at_once": 5}
    spec = {**SPEC, "recordings": ["noisy.wav"], "privacy": looser, "audience": "bereavement"}
    person = Person()
    async with at_the_host(stage, mode, person) as call:
        _, draft = await call("plan_companion", spec=spec)
        await call("provision_companion", plan_id=draft["plan_id"])
    lines = person.asked[1].splitlines()
    first, _, third, more = [line for line in lines if line.startswith("- ")]
    assert "Warnings:" in lines
    assert len(draft["warnings"]) == 6, draft["warnings"]
    assert [len(first), len(third)] == [122, 122]
    assert first == f"- {draft['warnings'][0][:119]}…"
    assert more == "- and 2 more"


@both
@each_no
async def test_after_a_no_to_the_voice_nothing_says_to_ask_again(stage: Stage, mode: Any, no: ElicitResult) -> None:
    """Whoever reads it next is a language model, which does what the last part says."""
    async with at_the_host(stage, mode, Person(no)) as call:
        id = await planned(call)
        provisioned, _ = await call("provision_companion", plan_id=id)
        recorded, _ = await call("record_consent", companion=id, kind="self", granted_by="Dorothy")
    for told in (provisioned, recorded):
        assert told.startswith("needs_consent · ")
        assert told.endswith(" · nothing was made · ask what they want instead; call again only if they say so")


@both
@each_no
async def test_without_a_plain_yes_nothing_is_spent(stage: Stage, mode: Any, no: ElicitResult) -> None:
    """Whatever else is answered; and the next call asks again."""
    async with at_the_host(stage, mode) as call:
        id = await planned(call)
        await call("record_consent", companion=id, kind="self", granted_by="Dorothy")
    async with at_the_host(stage, mode, Person(no)) as call:
        provisioned, _ = await call("provision_companion", plan_id=id)
        cloned, _ = await call("clone_voice", name="Dorothy", recordings=[RECORDING])
    assert provisioned.startswith("needs_confirm · the person who was asked did not say yes · nothing was made")
    assert cloned.startswith("needs_consent")  # that consent is for the companion
    assert not [path for method, path in stage.faults.log if method == "POST"]


@both
async def test_a_plan_that_is_being_carried_out_is_looked_at_without_a_question(stage: Stage, mode: Any) -> None:
    """Asked once, however often its progress is asked for."""
    person = Person()
    async with at_the_host(stage, mode, person) as call:
        id = await planned(call)
        _, begun = await call("provision_companion", plan_id=id, wait_seconds=0)
        assert begun["status"] in {"queued", "running"}
        while begun["status"] != "done":
            _, begun = await call("provision_companion", plan_id=id, wait_seconds=0.05)
    assert len(person.asked) == 2


@both
async def test_a_change_is_asked_about_in_its_words(stage: Stage, mode: Any) -> None:
    """What changes, and that it spends no slot."""
    view, person = await made(stage), Person()
    async with at_the_host(stage, mode, person) as call:
        changes = {"add_corrections": ["Dorothy was born in 1941, not 1940."]}
        _, plan = await call("plan_companion", companion=view["companion"], changes=changes)
        _, changed = await call("provision_companion", plan_id=plan["plan_id"])
        _, again = await call("provision_companion", plan_id=plan["plan_id"])
    assert (changed["status"], again["status"]) == ("done", "done")
    [question] = person.asked
    assert "born in 1941" in question
    assert "It spends no voice slot." in question


@both
async def test_where_nobody_can_be_asked_the_call_is_the_yes(stage: Stage, mode: Any) -> None:
    """The host has asked; as is so where it could ask, if only somebody were there."""
    assert (await made(stage))["status"] == "done"
    absent = Person(ErrorData(code=INVALID_REQUEST, message="nobody is there"))
    if mode == "legacy":  # a client of the newer era ends such a call itself
        async with at_the_host(stage, mode, absent) as call:
            await call("record_consent", **CONSENT)
            _, clone = await call("clone_voice", name="Dorothy", recordings=[RECORDING])
        assert clone["voice_id"]
        assert absent.asked


@both
async def test_a_voice_on_its_own_is_cloned_after_a_yes(stage: Stage, mode: Any) -> None:
    """A no leaves nothing behind, not even a copy of the recording; what is there already isn't asked about."""
    person = Person()
    async with at_the_host(stage, mode) as call:
        await call("record_consent", **CONSENT)
    async with at_the_host(stage, mode, Person(NOT_YES[0])) as call:
        refused, _ = await call("clone_voice", name="Dorothy", recordings=[RECORDING])
    assert refused.startswith("needs_confirm")
    assert stage.faults.sent("POST", "/v1/voices/add") == 0
    assert not [path for path in (stage.home / "state").rglob("blobs/*") if path.is_file()]
    async with at_the_host(stage, mode, person) as call:
        _, first = await call("clone_voice", name="Dorothy", recordings=[RECORDING])
        _, again = await call("clone_voice", name="Dorothy", recordings=[RECORDING])
    assert first["voice_id"] == again["voice_id"]
    [question] = person.asked
    assert question.startswith('Clone the voice of "Dorothy"?\nFrom recording.mp3.\nIt spends 1 voice slot')


@both
async def test_forgetting_is_asked_about_with_all_that_goes_and_done_at_once(stage: Stage, mode: Any) -> None:
    """One call, one question, one receipt."""
    view, person = await made(stage), Person()
    async with at_the_host(stage, mode, person) as call:
        _, gone = await call("retire_companion", companion="Dorothy", action="forget")
    assert gone["status"] == "forgotten"
    assert gone["receipt"]
    [question] = person.asked
    assert question.startswith(f"Delete {view['companion']} for good?")
    assert all(id in question for id in (view["voice_id"], view["agent_id"]))


@both
@pytest.mark.parametrize("no", NOT_YES[::2], ids=["declined", "no", "a word"])
async def test_without_a_plain_yes_nothing_is_deleted(stage: Stage, mode: Any, no: ElicitResult) -> None:
    """Neither a companion nor a part of it; and no token is given out."""
    view = await made(stage)
    async with at_the_host(stage, mode, Person(no)) as call:
        kept, _ = await call("retire_companion", companion="Dorothy", action="forget")
        left, _ = await call("delete_resource", id=view["agent_id"])
    assert {text.partition(" · ")[0] for text in (kept, left)} == {"needs_confirm"}
    assert all("nothing was deleted" in text for text in (kept, left))
    assert not [path for method, path in stage.faults.log if method == "DELETE"]


@both
async def test_where_nobody_can_be_asked_deleting_takes_the_token(stage: Stage, mode: Any) -> None:
    """As before: shown first, then done with the word that was given out."""
    view = await made(stage)
    async with at_the_host(stage, mode) as call:
        _, shown = await call("delete_resource", id=view["agent_id"])
        assert shown["status"] == "needs_confirm"
        _, deleted = await call("delete_resource", id=view["agent_id"], confirm=shown["confirm"])
        assert deleted["status"] == "deleted"
        _, shown = await call("retire_companion", companion="Dorothy", action="forget")
        _, gone = await call("retire_companion", companion="Dorothy", action="forget", confirm=shown["confirm"])
    assert gone["status"] == "forgotten"


@both
async def test_single_things_and_consents_are_deleted_after_a_yes(stage: Stage, mode: Any) -> None:
    """In one call each."""
    person = Person()
    async with at_the_host(stage, mode, person) as call:
        _, consent = await call("record_consent", **{**CONSENT, "name": "Dora", "granted_by": "Dora"})
        _, uploaded = await call("upload_knowledge_base", text="Born in Cork.", title="Cork")
        person.asked.clear()
        for id in (consent["consent_id"], uploaded["documents"][0]["id"]):
            _, gone = await call("delete_resource", id=id)
            assert gone["status"] == "deleted"
            assert person.asked.pop().startswith(f"Delete {id} for good?")
    assert not person.asked


@both
async def test_where_only_a_person_counts_a_client_that_cannot_ask_spends_nothing(
    judge: Judge, tmp_path: Path, mode: Any
) -> None:
    """It is told where a person can answer; one that can ask goes on."""
    async with open_stage(judge, tmp_path, settings={"consent": "elicit"}) as stage:
        async with at_the_host(stage, mode) as call:
            id = await planned(call)
            unconsented, _ = await call("provision_companion", plan_id=id)
        async with at_the_host(stage, mode, Person()) as call:
            await call("record_consent", companion=id, kind="self", granted_by="Dorothy")
            await call("record_consent", **CONSENT)
        async with at_the_host(stage, mode) as call:
            refused, _ = await call("provision_companion", plan_id=id)
            cloned, _ = await call("clone_voice", name="Dorothy", recordings=[RECORDING])
        assert not [path for method, path in stage.faults.log if method == "POST"]
        async with at_the_host(stage, mode, Person()) as call:
            _, view = await call("provision_companion", plan_id=id)
    assert unconsented.startswith("needs_consent · here only a person's own answer counts")
    assert refused.startswith("needs_confirm · here only a person's own yes counts")
    assert f"`storykeeper provision --plan {id}` at a terminal" in refused
    assert cloned.startswith("needs_confirm")
    assert view["status"] == "done"


@both
async def test_where_only_a_person_counts_no_token_deletes(judge: Judge, tmp_path: Path, mode: Any) -> None:
    """None is given out, and one from elsewhere doesn't count either; with a person's yes it isn't needed."""
    async with open_stage(judge, tmp_path, settings={"consent": "elicit"}) as stage:
        async with at_the_host(stage, mode, Person()) as call:
            _, view = await call("provision_companion", plan_id=await planned(call))
        keeper, id = stage.keeper, view["companion"]
        marker = keeper.ledger.companions()[0].marker
        async with at_the_host(stage, mode) as call:
            _, shown = await call("retire_companion", companion=id, action="forget")
            token = keeper.retirement.confirms.give("forget", marker)
            _, still = await call("retire_companion", companion=id, action="forget", confirm=token)
            token = keeper.retirement.confirms.give("delete", view["agent_id"])
            _, there = await call("delete_resource", id=view["agent_id"], confirm=token)
        for told in (shown, still, there):
            assert (told["status"], told["confirm"], bool(told["effects"])) == ("needs_confirm", "", True)
        assert f"`storykeeper retire {id} --forget` at a terminal" in shown["next"]
        assert not [path for method, path in stage.faults.log if method == "DELETE"]
        async with at_the_host(stage, mode, Person()) as call:
            _, gone = await call("retire_companion", companion=id, action="forget")
        assert gone["status"] == "forgotten"


async def test_a_yes_counts_for_the_very_question_that_was_asked(stage: Stage) -> None:
    """Brought along unasked, or with another call, it is no answer."""
    async with at_the_host(stage, "auto") as call:
        people = [{**CONSENT, "name": name, "granted_by": name} for name in ("Ann", "Bea")]
        ann, bea = [(await call("record_consent", **said))[1]["consent_id"] for said in people]
    async with serving(stage, "auto", Person()) as client:

        async def delete(id: str, asked: Any = None, *, unasked: bool = False) -> Any:
            state = asked.request_state if asked and not unasked else None
            yes: Any = (
                {name: ElicitResult(action="accept", content={"confirm": True}) for name in asked.input_requests}
                if asked
                else None
            )
            said = {"input_responses": yes, "request_state": state}
            return await client.session.call_tool("delete_resource", {"id": id}, **said, allow_input_required=True)

        asked = await delete(ann)
        assert isinstance(await delete(ann, asked, unasked=True), InputRequiredResult)
        assert isinstance(await delete(bea, asked, unasked=True), InputRequiredResult)
        with pytest.raises(MCPError):
            await delete(bea, asked)
        done = await delete(ann, asked)
    assert isinstance(done, CallToolResult)
    assert (done.structured_content or {})["status"] == "deleted"
    assert stage.keeper.companions.consents.record(bea)


async def test_commands_ask_for_themselves_where_only_a_person_counts(judge: Judge, tmp_path: Path) -> None:
    """They carry out what was confirmed at the terminal, and delete with the token that they were given."""
    async with open_stage(judge, tmp_path, settings={"consent": "elicit"}) as stage:
        async with at_the_host(stage, "auto", Person()) as call:
            id = await planned(call)
            await call("record_consent", companion=id, kind="self", granted_by="Dorothy")
        keeper = stage.keeper
        view = await keeper.companions.provision(id, 45)
        shown = await keeper.retirement.delete(view.agent_id or "", "")
        assert (await keeper.retirement.delete(view.agent_id or "", shown.confirm)).status == "deleted"
        with pytest.raises(NeedsConfirm):
            await keeper.retirement.delete(view.voice_id or "", "nonsense")


async def test_over_a_pipe_a_person_makes_and_forgets_one(tmp_path: Path) -> None:
    """The whole way, in a process of its own, where only their own answers count."""
    kept = {name: os.environ[name] for name in ("PATH", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
    environ = {
        **kept,
        "HOME": str(tmp_path),
        "STORYKEEPER_HOME": str(tmp_path / "state"),
        "STORYKEEPER_SANDBOX": "1",
        "STORYKEEPER_CONSENT": "elicit",
        "STORYKEEPER_FILES": str(EXAMPLE),
    }
    server = StdioServerParameters(command=sys.executable, args=["-m", "storykeeper_server", "mcp"], env=environ)
    person = Person()
    async with Client(stdio_client(server), mode="legacy", elicitation_callback=person) as client:
        plan = (await client.call_tool("plan_companion", {"spec": SPEC})).structured_content or {}
        view = (await client.call_tool("provision_companion", {"plan_id": plan["plan_id"]})).structured_content or {}
        forget = {"companion": view["companion"], "action": "forget"}
        gone = (await client.call_tool("retire_companion", forget)).structured_content or {}
    assert (view["status"], gone["status"]) == ("done", "forgotten")
    assert [question.split()[0] for question in person.asked] == ["May", "Carry", "Delete"]
