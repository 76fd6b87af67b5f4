"""What the tool server asks a person is answered by what they said in the conversation, and by nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mcp.types import ElicitRequestFormParams, ElicitResult

from conversations import conversing, slots
from storykeeper_orchestrator.hearing import Ear
from storykeeper_tools.provisioning import goahead
from storykeeper_tools.provisioning.plan import Cost

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parent.parent.parent
RECORDING = ROOT / "examples" / "dorothy" / "recording.mp3"
VOICE = Cost(voice_slots=1, voice_changes=1, documents=0, agents=1)


async def yes(ear: Ear, question: str, *fields: str) -> bool:
    form = {"type": "object", "properties": {field: {"type": "boolean"} for field in fields}}
    answer = await ear(None, ElicitRequestFormParams(message=question, requested_schema=form))
    return isinstance(answer, ElicitResult) and answer.content == {fields[0]: True}


async def test_a_go_ahead_is_for_one_plan_at_one_price() -> None:
    """Another plan, another price, another question or another form gets no answer; nor does the same one afterwards."""
    ear = Ear()
    mine = "\n".join([*goahead.provisioning_of("plan_1", VOICE)])
    with ear.allowing(*goahead.provisioning_of("plan_1", VOICE)):
        assert await yes(ear, mine, "confirm")
        assert not await yes(ear, mine, "agree")
        assert not await yes(ear, mine, "confirm", "kind")
        assert not await yes(ear, mine.replace("plan_1", "plan_2"), "confirm")
        assert not await yes(ear, mine.replace("spends 1", "spends 2"), "confirm")
        assert not await yes(ear, goahead.deletion("plan_1", ["all"]), "confirm")
    assert not await yes(ear, mine, "confirm")


async def test_what_a_question_quotes_answers_nothing() -> None:
    """A warning may quote a file's name, and that may say anything."""
    ear = Ear()
    free = goahead.provisioning_of("plan_1", VOICE.model_copy(update={"voice_slots": 0, "voice_changes": 0}))
    question = goahead.deletion("plan_1", [f"a.wav: noisy\n{free[0]}\n{free[1]}"])
    with ear.allowing(*free):
        assert all(part in question for part in free)
        assert not await yes(ear, question, "confirm")


async def test_a_deletion_is_allowed_with_all_that_was_shown() -> None:
    """Something that would go, too, is a question nobody has answered."""
    ear = Ear()
    shown = goahead.deletion("dorothy-7f3a", ["agent a", "voice v"])
    with ear.allowing(shown), ear.allowing():
        assert await yes(ear, f"{shown}\nthis is the sandbox", "confirm")
        assert not await yes(ear, goahead.deletion("dorothy-7f3a", ["agent a", "voice v", "document d"]), "confirm")
        assert not await yes(ear, goahead.deletion("anna-0000", ["agent a", "voice v"]), "confirm")
        assert not await yes(ear, goahead.clone_of("Dorothy"), "confirm")


async def test_where_only_a_persons_own_answers_count_the_conversations_are_theirs(
    sandbox_url: str, tmp_path: Path
) -> None:
    """Made, cloned, and forgotten: each after what they said, and not without."""
    files = ROOT / "examples"
    async with conversing(sandbox_url, tmp_path, files, STORYKEEPER_CONSENT="elicit") as conversation:

        async def told(wish: str, **answers: object) -> dict[str, Any]:
            conversation.begin()
            await conversation.make(wish, **answers)
            return conversation.outcome

        wish = f"Make a companion of my grandmother Ruth from {RECORDING}."
        agreed = {"visitors": "family", "consent": "yes, she agreed"}
        assert (await told(wish, **agreed, confirm="no"))["error"]["code"] == "needs_confirm"
        assert await slots(sandbox_url) == 0
        made = (await told(wish, **agreed, confirm="yes"))["companion"]
        assert made["status"] == "done"

        clone = f"Just clone the voice of Ann from {RECORDING}."
        assert (await told(clone, consent="yes, she agreed", confirm="yes"))["voice_id"]
        assert await slots(sandbox_url) == 2

        forget = f"Forget {made['companion']} for good."
        assert (await told(forget, confirm="yes"))["error"]["code"] == "needs_confirm"
        assert (await told(forget, confirm=made["companion"]))["status"] == "forgotten"
        assert await slots(sandbox_url) == 1
