"""Changing a companion: the smallest writes, nothing of anybody's lost, and what others changed is shown first."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from stage import EXAMPLE, Held, Stage
from storykeeper_tools.companion.changes import Changes
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.companion.written import load
from storykeeper_tools.errors import (
    BadInput,
    Busy,
    Conflict,
    NotFound,
    StorykeeperError,
    Unavailable,
    UnexpectedAnswer,
    WhichCompanion,
)

pytestmark = pytest.mark.anyio

AGENT = "/v1/convai/agents/"


def dorothy(**more: Any) -> Wish:
    said = {
        "subject": {"name": "Dorothy", "relation": "grandmother"},
        "recordings": [str(EXAMPLE / "recording.mp3")],
        "memories": [str(EXAMPLE / "memories")],
    }
    return Wish.model_validate(said | more)


async def made(stage: Stage) -> Any:
    """Dorothy, with consent; what was asked of the service until then is forgotten."""
    plan = await stage.call("plan_companion", spec=dorothy())
    await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
    view = await stage.call("provision_companion", plan_id=plan.plan_id)
    stage.faults.log.clear()
    stage.faults.bodies.clear()
    return view


def writes(stage: Stage) -> list[tuple[str, str]]:
    return [(method, path) for method, path in stage.faults.log if method != "GET"]


def actions(plan: Any) -> list[tuple[str, str]]:
    return [(step.action, step.kind) for step in plan.steps]


async def test_the_same_spec_twice_writes_nothing(stage: Stage) -> None:
    """Everything is kept, the plan is the one that was carried out, and carrying it out again does nothing."""
    view = await made(stage)
    again = await stage.call("plan_companion", spec=dorothy())
    after = await stage.call("provision_companion", plan_id=again.plan_id)

    assert {action for action, _ in actions(again)} == {"keep"}
    assert again.plan_id == view.plan_id
    assert (after.status, after.agent_id) == ("done", view.agent_id)
    assert writes(stage) == []


async def test_a_change_shows_before_and_after_and_is_one_small_patch(stage: Stage) -> None:
    """Planning sends nothing; provisioning sends what differs and nothing else."""
    view = await made(stage)
    plan = await stage.call(
        "plan_companion", companion="Dorothy", changes=Changes.model_validate({"voice": {"speed": 1.0}})
    )
    planned = writes(stage)
    after = await stage.call("provision_companion", plan_id=plan.plan_id)
    agent = await stage.call("get_agent", agent_id=view.agent_id)

    assert actions(plan)[-1] == ("change", "agent")
    assert [f.model_dump() for f in plan.steps[-1].fields] == [{"field": "voice.speed", "before": 0.9, "after": 1.0}]
    assert plan.cost.voice_slots == 0
    assert planned == []
    assert writes(stage) == [("PATCH", AGENT + view.agent_id)]
    assert [body for method, _, body in stage.faults.bodies if method == "PATCH"] == [
        b'{"conversation_config":{"tts":{"speed":1.0}}}'
    ]
    assert (after.status, after.agent_id) == ("done", view.agent_id)
    assert agent.conversation_config["tts"]["speed"] == 1.0


async def test_a_correction_reaches_the_prompt_and_shows_in_words(stage: Stage) -> None:
    """As the spec says it, not as a part of the prompt."""
    view = await made(stage)
    changes = Changes(add_corrections=["She was born in 1937, not 1938"])
    plan = await stage.call("plan_companion", companion=view.companion, changes=changes)
    await stage.call("provision_companion", plan_id=plan.plan_id)
    agent = await stage.call("get_agent", agent_id=view.agent_id)

    assert list(map(str, plan.steps[-1].fields)) == ['correction added: "She was born in 1937, not 1938"']
    assert "She was born in 1937, not 1938" in agent.conversation_config["agent"]["prompt"]["prompt"]


async def test_memories_are_added_and_taken_away(stage: Stage) -> None:
    """A new document is made and attached, the other detached and then deleted; the third stays as it is."""
    view = await made(stage)
    (stage.home / "the-sea.md").write_text("# The sea\n\nWe went to Youghal every August and swam before breakfast.")
    changes = Changes(add_memories=["the-sea.md"], remove_memories=["The bakery years"])
    plan = await stage.call("plan_companion", companion=view.companion, changes=changes)
    after = await stage.call("provision_companion", plan_id=plan.plan_id)
    agent = await stage.call("get_agent", agent_id=view.agent_id)
    shown = await stage.call("get_companion", companion=view.companion)

    bakery = next(d.id for d in view.documents if "bakery" in d.name)
    assert sorted(action for action, _ in actions(plan)) == ["change", "create", "delete", "keep", "keep", "keep"]
    assert sorted(writes(stage)) == sorted(
        [
            ("POST", "/v1/convai/knowledge-base/text"),
            ("PATCH", AGENT + view.agent_id),
            ("DELETE", f"/v1/convai/knowledge-base/{bakery}"),
        ]
    )
    assert {d.id for d in agent.documents} == {d.id for d in after.documents}
    assert bakery not in {d.id for d in shown.documents}
    assert not [w for w in shown.warnings if "drift" in w or "left over" in w]


async def test_a_file_that_the_memories_of_a_spec_leave_out_is_taken_away(stage: Stage) -> None:
    """A list that is said is the whole list."""
    view = await made(stage)
    kept = [str(EXAMPLE / "memories" / "childhood-in-cork.md")]
    plan = await stage.call("plan_companion", spec=dorothy(memories=kept))
    after = await stage.call("provision_companion", plan_id=plan.plan_id)

    assert plan.companion == view.companion
    assert [action for action, _ in actions(plan)].count("delete") == 2
    assert [d.name.partition(" ")[2] for d in after.documents] == ["Childhood in cork"]


FULL: dict[str, Any] = {
    "corrections": ["Dorothy was born in 1941, not 1940.", "Her brother was Tom."],
    "wishes": "a little teasing",
    "audience": "dementia_care",
    "voice": {"stability": 0.9},
    "privacy": {"max_minutes": 20},
}


async def provisioned(stage: Stage, plan: Any) -> Any:
    await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="Dorothy")
    return await stage.call("provision_companion", plan_id=plan.plan_id)


async def test_what_a_spec_leaves_out_stays(stage: Stage) -> None:
    """Named again by its name and recordings alone, nothing changes; and what is said changes alone, in its part too."""
    view = await provisioned(stage, await stage.call("plan_companion", spec=dorothy(**FULL)))
    alone = {"subject": {"name": "Dorothy"}, "recordings": [str(EXAMPLE / "recording.mp3")]}
    same = await stage.call("plan_companion", spec=Wish.model_validate(alone))
    other = await stage.call("plan_companion", spec=Wish.model_validate({**alone, "voice": {"speed": 1.1}}))

    assert (same.plan_id, {action for action, _ in actions(same)}) == (view.plan_id, {"keep"})
    assert list(map(str, other.steps[-1].fields)) == ["speed: 0.83 -> 1.1"]


async def test_what_a_file_leaves_out_goes_and_the_plan_says_all_of_it(stage: Stage) -> None:
    """In the words of the spec; documents by their titles."""
    (stage.home / "life").mkdir()
    for title in ("chat", "notes"):
        (stage.home / "life" / f"{title}.md").write_text(f"# {title}\n\nWe went to Youghal every August.\n{title}")
    await provisioned(stage, await stage.call("plan_companion", spec=dorothy(**FULL, memories=["life"])))
    (stage.home / "life" / "notes.md").rename(stage.home / "life" / "letters.md")
    (stage.home / "life" / "letters.md").write_text("# Letters\n\nDear Tom, the bakery is well.")
    (stage.home / "life" / "chat.md").write_text("# chat\n\nWe went to Cork every August.")
    file = stage.home / "companion.yaml"
    recording = EXAMPLE / "recording.mp3"
    file.write_text(f"{{subject: {{name: Dorothy}}, recordings: [{recording}], corrections: [Her brother was Tom.],"
        "memories: [life], audience: bereavement}")  # fmt: skip
    plan = await stage.call("plan_companion", spec=load(file))

    change = next(step for step in plan.steps if step.action == "change")
    assert list(map(str, change.fields)) == [
        'relation: "grandmother" -> ""',
        'wishes: "a little teasing" -> ""',
        'audience: "dementia_care" -> "bereavement"',
        "stability: 0.9 -> 0.8",
        "speed: 0.83 -> 0.85",
        "max_minutes: 20 -> 30",
        'correction removed: "Dorothy was born in 1941, not 1940."',
        "documents: 'Chat' written anew; 'Letters' added; 'Notes' taken away",
    ]
    assert all(f"\n  - {field}\n" in str(plan) for field in change.fields)


async def test_after_a_rehearsal_comes_the_talk_and_after_a_change_a_rehearsal(stage: Stage) -> None:
    """Whatever is asked: the newest agent is rehearsed before anybody talks to it."""
    view = await made(stage)
    await stage.call("rehearse_companion", companion=view.companion)
    shown = await stage.call("get_companion", companion=view.companion)
    again = await stage.call("provision_companion", plan_id=view.plan_id)
    plan = await stage.call("plan_companion", companion=view.companion, changes=Changes(wishes="teasing"))
    changed = await stage.call("provision_companion", plan_id=plan.plan_id)

    for before in (view, changed):
        assert before.next.startswith(f"rehearse_companion(companion={view.companion})")
    for after in (shown, again):
        assert after.next.startswith(f"get_signed_url(of={view.companion})")


async def test_a_companion_shows_what_was_asked_about_first_and_its_documents_in_order(stage: Stage) -> None:
    """The answers, then the ids; documents by title, as they were planned."""
    view = await made(stage)
    shown = await stage.call("get_companion", companion=view.companion, about="Cork")
    plan = await stage.call("plan_companion", spec=dorothy())

    lines = str(shown).splitlines()
    assert "Cork" in lines[0]
    titles = [document.name.partition(" ")[2] for document in shown.documents]
    assert titles == [step.name for step in plan.steps if step.kind == "document"]
    named = [f"'{title}' {document.id}" for title, document in zip(titles, shown.documents, strict=True)]
    assert f"Documents: {', '.join(named)}" in lines


async def test_edits_in_the_dashboard_show_as_drift_and_stay(stage: Stage) -> None:
    """A change of something else leaves them alone; `overwrite` takes them back."""
    view = await made(stage)
    await stage.in_the_dashboard(view.agent_id, {"conversation_config": {"tts": {"stability": 0.4}}})
    shown = await stage.call("get_companion", companion=view.companion)
    same = await stage.call("plan_companion", spec=dorothy())
    faster = await stage.call("plan_companion", spec=dorothy(voice={"speed": 1.1}))
    await stage.call("provision_companion", plan_id=faster.plan_id)
    between = await stage.call("get_agent", agent_id=view.agent_id)
    back = await stage.call("plan_companion", spec=dorothy(voice={"speed": 1.1}), overwrite=True)
    await stage.call("provision_companion", plan_id=back.plan_id)
    after = await stage.call("get_agent", agent_id=view.agent_id)

    drift = "drift: conversation_config.tts.stability was 0.75 and is 0.4 at ElevenLabs; plan with `overwrite` to change it back"
    assert drift in shown.warnings
    assert drift in same.warnings
    assert {action for action, _ in actions(same)} == {"keep"}
    assert (between.conversation_config["tts"]["stability"], between.conversation_config["tts"]["speed"]) == (0.4, 1.1)
    assert after.conversation_config["tts"]["stability"] == 0.75


async def test_what_others_added_survives_a_change(stage: Stage) -> None:
    """A document and a tag of the dashboard's, a field that we never set."""
    view = await made(stage)
    eleven = stage.keeper.elevenlabs
    note = await eleven.add_text("A note of the family", "Her sister Maeve still lives in Cork.")
    config = (await eleven.agent(view.agent_id)).conversation_config
    items = [*config["agent"]["prompt"]["knowledge_base"], {"type": "text", "name": note.name, "id": note.id}]
    patch = {"agent": {"prompt": {"knowledge_base": items, "temperature": 0.3}}}
    await eleven.patch_agent(
        view.agent_id, {"conversation_config": patch, "tags": [*await _tags(stage, view), "family"]}
    )
    (stage.home / "sea.md").write_text("# The sea\n\nWe went to Youghal every August and swam before breakfast.")
    changes = Changes(add_memories=["sea.md"], remove_memories=["The bakery years"])
    plan = await stage.call("plan_companion", companion=view.companion, changes=changes)
    await stage.call("provision_companion", plan_id=plan.plan_id)
    after = await eleven.agent(view.agent_id)

    prompt = after.conversation_config["agent"]["prompt"]
    assert note.id in {item["id"] for item in prompt["knowledge_base"]}
    assert len(prompt["knowledge_base"]) == 4
    assert prompt["temperature"] == 0.3
    assert "family" in after.tags


async def _tags(stage: Stage, view: Any) -> list[str]:
    return (await stage.keeper.elevenlabs.agent(view.agent_id)).tags


@pytest.mark.parametrize("kind", ["voice", "document", "agent"])
async def test_what_was_deleted_by_hand_is_noticed_and_made_again(stage: Stage, kind: str) -> None:
    """The plan says what it makes again; there is one of each afterwards, and the agent uses what is there."""
    view = await made(stage)
    eleven = stage.keeper.elevenlabs
    if kind == "voice":
        await eleven.delete_voice(view.voice_id)
    elif kind == "document":
        await eleven.delete_document(view.documents[0].id, force=True)
    else:
        await eleven.delete_agent(view.agent_id)
    shown = await stage.call("get_companion", companion=view.companion)
    plan = await stage.call("plan_companion", spec=dorothy())
    after = await stage.call("provision_companion", plan_id=plan.plan_id)
    agent = await stage.call("get_agent", agent_id=after.agent_id)
    healthy = await stage.call("get_companion", companion=view.companion)

    assert any(f"the {kind}" in warning and "was deleted at ElevenLabs" in warning for warning in shown.warnings)
    assert ("create", kind) in actions(plan)
    assert plan.cost.voice_slots == (kind == "voice")
    assert agent.voice_id == after.voice_id
    assert {d.id for d in agent.documents} == {d.id for d in after.documents}
    assert (after.status, len(after.documents)) == ("done", 3)
    assert not [w for w in healthy.warnings if "drift" in w]


async def test_a_plan_is_stale_once_the_agent_was_changed_elsewhere(stage: Stage) -> None:
    """It says so and changes nothing; planned again, it goes through."""
    view = await made(stage)
    plan = await stage.call("plan_companion", spec=dorothy(wishes="slowly"))
    await stage.keeper.elevenlabs.patch_agent(view.agent_id, {"name": "Grandma"})
    stage.faults.log.clear()
    with pytest.raises(Conflict, match="changed since this plan was drawn"):
        await stage.call("provision_companion", plan_id=plan.plan_id)
    refused = writes(stage)
    again = await stage.call("plan_companion", spec=dorothy(wishes="slowly"))
    after = await stage.call("provision_companion", plan_id=again.plan_id)

    assert refused == []
    assert after.status == "done"


async def test_a_planned_change_waits_beside_what_is_made(stage: Stage) -> None:
    """Until it is confirmed the companion is done and can be talked to; a newer plan takes its place."""
    view = await made(stage)
    first = await stage.call("plan_companion", spec=dorothy(wishes="slowly"))
    second = await stage.call("plan_companion", spec=dorothy(wishes="softly"))
    shown = await stage.call("get_companion", companion=view.companion)
    await stage.call("get_signed_url", of=view.companion)

    assert shown.status == "done"
    assert f"a change is planned: provision_companion(plan_id={second.plan_id})" in shown.warnings
    with pytest.raises(Conflict, match="out of date"):
        await stage.call("provision_companion", plan_id=first.plan_id)


async def test_a_link_is_given_by_name_where_only_one_has_it(stage: Stage, tmp_path: Path, recording: Any) -> None:
    """As every other tool has it; of two the ids are told."""
    (tmp_path / "other.wav").write_bytes(recording(40))
    view = await made(stage)
    link = await stage.call("get_signed_url", of="dorothy")
    await stage.call("plan_companion", spec=dorothy(recordings=["other.wav"], companion="new"))

    assert link.agent_id == view.agent_id
    with pytest.raises(WhichCompanion, match=view.companion):
        await stage.call("get_signed_url", of="Dorothy")


async def test_a_new_name_is_a_change_and_needs_its_own_consent(stage: Stage) -> None:
    """The companion stays the same one; its agent, first message and prompt say the new name."""
    view = await made(stage)
    plan = await stage.call("plan_companion", companion=view.companion, changes=Changes(name="Dorothea"))
    await stage.call("record_consent", companion=view.companion, kind="self", granted_by="Dorothea")
    after = await stage.call("provision_companion", plan_id=plan.plan_id)
    agent = await stage.call("get_agent", agent_id=view.agent_id)

    assert plan.questions
    assert (after.companion, after.name, after.agent_id) == (view.companion, "Dorothea", view.agent_id)
    assert agent.name == "Dorothea (memory companion)"
    assert "Dorothea" in agent.first_message


async def test_a_patch_whose_answer_was_lost_is_looked_at_again(stage: Stage) -> None:
    """It may have taken effect; then nothing is sent a second time."""
    view = await made(stage)
    plan = await stage.call("plan_companion", spec=dorothy(wishes="slowly"))
    stage.faults.due = [("PATCH", view.agent_id, "reset after")]
    after = await stage.call("provision_companion", plan_id=plan.plan_id)
    [agent] = [row for row in stage.keeper.ledger.every() if row.kind == "agent"]
    told = [entry.event for entry in stage.keeper.ledger.journal.entries(agent.marker) if entry.id == agent.id]

    assert after.status == "done"
    assert writes(stage) == [("PATCH", AGENT + view.agent_id)]
    assert told == ["made", "change", "changed"]


async def test_a_new_language_is_one_patch(stage: Stage) -> None:
    """What is sent of a part that has several forms says which one it is."""
    view = await made(stage)
    plan = await stage.call("plan_companion", companion=view.companion, changes=Changes(language="de"))
    after = await stage.call("provision_companion", plan_id=plan.plan_id)
    agent = await stage.call("get_agent", agent_id=view.agent_id)

    assert (after.status, agent.language) == ("done", "de")
    assert writes(stage) == [("PATCH", AGENT + view.agent_id)]


async def changing(stage: Stage, view: Any) -> tuple[Held, asyncio.Task[Any]]:
    """A change whose PATCH is on its way."""
    plan = await stage.call("plan_companion", companion=view.companion, changes=Changes(wishes="slowly"))
    stage.faults.inner = held = Held(stage.faults.inner, AGENT + view.agent_id, "PATCH")
    run = asyncio.create_task(stage.call("provision_companion", plan_id=plan.plan_id))
    await held.came.wait()
    return held, run


async def test_nothing_else_is_done_with_an_agent_that_is_being_changed(stage: Stage) -> None:
    """Lists are replaced as a whole, so one of the two would be lost."""
    view = await made(stage)
    extra = await stage.call("upload_knowledge_base", text="The sea.", title="Extra")
    held, run = await changing(stage, view)
    update = {"agent_id": view.agent_id, "add_documents": [extra.documents[0].id]}
    with pytest.raises(Busy):
        await stage.call("update_agent", **update)
    held.go_on.set()
    await run
    await stage.call("update_agent", **update)

    agent = await stage.call("get_agent", agent_id=view.agent_id)
    assert [d.id for d in agent.documents] == [*(d.id for d in view.documents), extra.documents[0].id]
    assert "slowly" in agent.conversation_config["agent"]["prompt"]["prompt"]


async def test_a_pause_is_not_begun_beside_a_change(stage: Stage) -> None:
    """Also where the change began while the pause looked at the account."""
    view = await made(stage)
    stage.faults.inner = looking = Held(stage.faults.inner, "/v1/user")
    pause = asyncio.create_task(stage.call("retire_companion", companion=view.companion, action="pause"))
    await looking.came.wait()
    held, run = await changing(stage, view)
    looking.go_on.set()
    with pytest.raises(Busy):
        await pause
    held.go_on.set()

    assert (await run).status == "done"


async def test_a_change_leaves_what_came_of_its_agent_meanwhile(stage: Stage) -> None:
    """A pause by another process is kept."""
    view = await made(stage)
    held, run = await changing(stage, view)
    agent = stage.keeper.ledger.by_remote_id(view.agent_id)
    assert agent
    stage.keeper.ledger.keep_pause(agent, {"daily_limit": 50})
    held.go_on.set()
    await run
    kept = stage.keeper.ledger.by_remote_id(view.agent_id)

    assert kept
    assert kept.before_pause == {"daily_limit": 50}


async def test_an_agent_that_was_deleted_during_a_change_stays_deleted(stage: Stage) -> None:
    """No row says that there is one."""
    view = await made(stage)
    held, run = await changing(stage, view)
    agent = stage.keeper.ledger.by_remote_id(view.agent_id)
    assert agent
    stage.keeper.ledger.lose(agent)
    held.go_on.set()
    with pytest.raises(NotFound):
        await run

    assert stage.keeper.ledger.by_remote_id(view.agent_id) is None


async def test_a_document_that_says_gone_and_isnt_is_not_believed(stage: Stage) -> None:
    """It stays in the ledger, and the same plan deletes it."""
    view = await made(stage)
    plan = await stage.call("plan_companion", spec=dorothy(memories=[]))
    stage.faults.due = [("DELETE", view.documents[0].id, "forgets")]
    with pytest.raises(Unavailable, match="is still there"):
        await stage.call("provision_companion", plan_id=plan.plan_id)
    standing = stage.keeper.ledger.by_remote_id(view.documents[0].id)
    after = await stage.call("provision_companion", plan_id=plan.plan_id)

    assert standing
    assert (after.status, after.documents) == ("done", [])


async def test_a_document_that_others_use_stays(stage: Stage) -> None:
    """It isn't taken away from them; the result says so."""
    view = await made(stage)
    body = {"conversation_config": {"agent": {"prompt": {"knowledge_base": [_item(d) for d in view.documents]}}}}
    await stage.keeper.elevenlabs.create_agent({"name": "Another", **body})
    plan = await stage.call("plan_companion", spec=dorothy(memories=[]))
    after = await stage.call("provision_companion", plan_id=plan.plan_id)

    assert after.status == "done"
    assert sum("something else at ElevenLabs uses it" in warning for warning in after.warnings) == 3


def _item(document: Any) -> dict[str, str]:
    return {"type": document.type, "name": document.name, "id": document.id}


async def test_an_outage_is_told_and_nothing_is_planned_in_the_dark(stage: Stage) -> None:
    """Without a look at the agent nobody can say what changes."""
    view = await made(stage)
    stage.faults.due = [("GET", view.agent_id, "500 before")] * 5
    with pytest.raises(StorykeeperError, match=view.agent_id):
        await stage.call("plan_companion", spec=dorothy(wishes="slowly"))


async def test_a_change_that_came_too_late_leaves_the_companion_as_it_is(stage: Stage) -> None:
    """It was paused meanwhile: it shows as paused, then as done, and the change is to be planned again."""
    view = await made(stage)
    late = await stage.call("plan_companion", spec=dorothy(wishes="slowly"))
    await stage.call("retire_companion", companion=view.companion, action="pause")
    with pytest.raises(Conflict, match="was changed since"):
        await stage.call("provision_companion", plan_id=late.plan_id)
    assert (await stage.call("get_companion", companion="Dorothy")).status == "paused"
    await stage.call("retire_companion", companion=view.companion, action="resume")
    shown = await stage.call("get_companion", companion="Dorothy")
    assert (shown.status, shown.plan_id) == ("done", view.plan_id)
    with pytest.raises(Conflict, match="out of date"):
        await stage.call("provision_companion", plan_id=late.plan_id)
    again = await stage.call("plan_companion", spec=dorothy(wishes="slowly"))
    assert (await stage.call("provision_companion", plan_id=again.plan_id)).status == "done"


async def test_a_change_that_was_made_is_not_gone_back_behind(stage: Stage) -> None:
    """Though running it again comes too late: what is left to do is planned, and nobody's change is lost."""
    view = await made(stage)
    change = await stage.call("plan_companion", spec=dorothy(wishes="slowly"))
    await stage.call("provision_companion", plan_id=change.plan_id)
    would = await stage.call("delete_resource", id=view.voice_id)
    await stage.call("delete_resource", id=view.voice_id, confirm=would.confirm)
    with pytest.raises(Conflict, match="was changed since"):
        await stage.call("provision_companion", plan_id=change.plan_id)
    shown = await stage.call("get_companion", companion="Dorothy")
    assert (shown.status, shown.plan_id) == ("failed", change.plan_id)
    assert "plan_companion" in shown.next


@pytest.mark.parametrize("noise", [True, False])
async def test_a_voice_that_is_kept_says_what_it_can_not_be_given(stage: Stage, noise: bool) -> None:
    """Noise is removed when a voice is made, and not later."""
    await made(stage)
    plan = await stage.call("plan_companion", spec=dorothy(voice={"remove_background_noise": noise}))
    assert any("remove_background_noise" in warning for warning in plan.warnings) == noise


async def test_a_change_brings_no_recording_twice(stage: Stage) -> None:
    """It brings none at all, and isn't warned of any."""
    await made(stage)
    plan = await stage.call("plan_companion", companion="Dorothy", changes=Changes(wishes="slowly"))
    assert not [warning for warning in plan.warnings if "more than once" in warning]


async def test_a_change_that_the_service_forgets_is_told(stage: Stage) -> None:
    """What was sent must be what is stored."""
    view = await made(stage)
    plan = await stage.call("plan_companion", spec=dorothy(voice={"speed": 1.2}))
    stage.faults.due = [("PATCH", view.agent_id, "forgets")]
    with pytest.raises(UnexpectedAnswer, match=r"conversation_config\.tts\.speed"):
        await stage.call("provision_companion", plan_id=plan.plan_id)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({}, BadInput, "either a spec, or a companion"),
        ({"companion": "nobody"}, NotFound, "no such companion"),
        ({"companion": "Dorothy", "changes": Changes(remove_memories=["The war"])}, BadInput, "there are: Childhood"),
        ({"companion": "Dorothy", "changes": Changes(remove_corrections=["x"])}, BadInput, "isn't one of"),
        ({"companion": "Dorothy", "changes": Changes(language="xx")}, BadInput, "language"),
        ({"spec": dorothy(), "companion": "Dorothy"}, BadInput, "either"),
    ],
)
async def test_changes_that_cannot_be_meant_are_told(
    stage: Stage, arguments: dict[str, Any], error: type[Exception], says: str
) -> None:
    """In a sentence, and nothing changes."""
    await made(stage)
    with pytest.raises(error, match=says):
        await stage.call("plan_companion", **arguments)
    assert writes(stage) == []
