"""The tools that do one thing: each keeps the promises of the whole."""

from __future__ import annotations

import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from stage import EXAMPLE, Stage
from storykeeper_tools.caller import Answer
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.errors import BadInput, Conflict, NeedsConsent, NotFound, RecordingRefused, WrongKind

pytestmark = pytest.mark.anyio
RECORDING = str(EXAMPLE / "recording.mp3")


async def cloned(stage: Stage) -> str:
    await stage.call("record_consent", name="Dorothy", recordings=[RECORDING], kind="self", granted_by="Dorothy")
    return (await stage.call("clone_voice", name="Dorothy", recordings=[RECORDING])).voice_id


async def agent(stage: Stage, **more: Any) -> tuple[str, str, list[str]]:
    """An agent of ours, with its voice and documents."""
    voice = await cloned(stage)
    uploaded = await stage.call("upload_knowledge_base", text="Born in Cork.", title="Cork")
    documents = [d.id for d in uploaded.documents]
    made = await stage.call("create_agent", name="Dorothy", voice_id=voice, documents=documents, **more)
    return made.agent_id, voice, documents


async def test_quota_says_whether_one_more_fits(stage: Stage) -> None:
    """Slots, credits, and that this is the sandbox."""
    quota = await stage.call("check_quota")
    assert (quota.tier, quota.fits_one_more, quota.voice_slots_left) == ("creator", True, quota.voice_slots)
    assert "sandbox" in str(quota)


async def test_a_recording_is_judged_by_what_it_decodes_to(stage: Stage) -> None:
    """The example is good; nothing is sent."""
    inspection = await stage.call("inspect_recording", recordings=[RECORDING])
    [judged] = inspection.recordings
    assert (judged.verdict, judged.format, inspection.usable) == ("good", "mp3", True)
    assert 75 <= judged.seconds <= 90
    assert stage.faults.log == []


async def test_cloning_needs_a_consent_for_these_very_bytes(stage: Stage, tmp_path: Path, recording: Any) -> None:
    """A consent for one recording is none for another, and one changed byte makes another."""
    await cloned(stage)
    (tmp_path / "other.wav").write_bytes(recording(40))
    with pytest.raises(NeedsConsent):
        await stage.call("clone_voice", name="Dorothy", recordings=["other.wav"])
    assert stage.faults.sent("POST", "/v1/voices/add") == 1


async def test_the_same_recordings_are_one_voice(stage: Stage) -> None:
    """However often they are cloned."""
    assert await cloned(stage) == await cloned(stage)
    assert [v.ours for v in (await stage.call("list_voices")).voices] == [True]


async def test_a_refused_recording_is_never_sent(stage: Stage, tmp_path: Path, recording: Any) -> None:
    """Too short for a likeness."""
    (tmp_path / "short.wav").write_bytes(recording(5))
    with pytest.raises(RecordingRefused, match="5 s is less than 30 s"):
        await stage.call("clone_voice", name="A", recordings=["short.wav"])
    assert stage.faults.log == []


async def test_the_same_content_is_one_document(stage: Stage, tmp_path: Path) -> None:
    """A text said twice, and a file that is named twice, copied and uploaded again."""
    (tmp_path / "cork.txt").write_text("Born in Cork.", encoding="utf-8")
    (tmp_path / "copy.txt").write_text("Born in Cork.", encoding="utf-8")
    first = await stage.call("upload_knowledge_base", text="Born in Cork.", title="Cork", files=["cork.txt"])
    again = await stage.call("upload_knowledge_base", text="Born in Cork.", files=["cork.txt", "./cork.txt"])
    both = await stage.call("upload_knowledge_base", files=["copy.txt", "cork.txt"])
    assert [d.id for d in first.documents] == [d.id for d in again.documents]
    assert len(first.documents) == 2
    assert len(both.documents) == 1


async def test_documents_are_listed_by_their_titles(stage: Stage) -> None:
    """Ours without the marker in their names; others' as they are, though they begin like one."""
    ours = (await stage.call("upload_knowledge_base", text="Born in Cork.", title="Family and Sundays")).documents[0]
    other = await stage.keeper.elevenlabs.add_text("keep-going notes", "Run.")
    found = await stage.call("list_knowledge_base")
    assert str(found).splitlines() == [
        f"{other.id} 'keep-going notes' (text)",
        f"{ours.id} 'Family and Sundays' (text) (ours)",
    ]
    assert [document.name for document in found.documents] == ["keep-going notes", ours.name]
    assert ours.name.startswith("keep-")


async def test_a_long_text_is_split_and_never_cut(stage: Stage) -> None:
    """All parts together are the text."""
    text = "".join(f"Paragraph {n} about the bakery.\n\n" for n in range(4000))
    uploaded = await stage.call("upload_knowledge_base", text=text, title="Long")
    assert len(uploaded.documents) > 1
    sizes = [await stage.keeper.elevenlabs.document(d.id) for d in uploaded.documents]
    assert sum(d.metadata.size_bytes for d in sizes if d.metadata) == len(text)


async def test_files_that_elevenlabs_reads_itself_go_as_files(stage: Stage, tmp_path: Path) -> None:
    """An EPUB keeps its type; one that only calls itself so is refused, and so is a PDF."""
    with zipfile.ZipFile(tmp_path / "a.epub", "w") as book:
        book.writestr("mimetype", "application/epub+zip")
        book.writestr("META-INF/container.xml", '<container><rootfile full-path="book.opf"/></container>')
        book.writestr("book.opf", '<package><item id="a" href="a.html"/><itemref idref="a"/></package>')
        book.writestr("a.html", "<p>Born in Cork.</p>")
    (tmp_path / "b.epub").write_bytes(b"just text")
    (tmp_path / "b.pdf").write_bytes(b"just text")
    uploaded = await stage.call("upload_knowledge_base", files=["a.epub"])
    assert [d.type for d in uploaded.documents] == ["file"]
    for name, kind in (("b.epub", "EPUB"), ("b.pdf", "PDF")):
        with pytest.raises(BadInput, match=f"not the {kind} file"):
            await stage.call("upload_knowledge_base", files=[name])


async def test_an_agent_is_private_and_says_that_it_is_an_ai(stage: Stage) -> None:
    """Even when its maker asks for another greeting: the disclosure is put before it."""
    agent_id, voice, documents = await agent(stage, first_message="Hello love!", manner="Calls everyone love.")
    view = await stage.call("get_agent", agent_id=agent_id)
    assert view.private
    assert (view.voice_id, [d.id for d in view.documents]) == (voice, documents)
    assert view.first_message == "I'm an AI companion made from Dorothy's memories. I'm not Dorothy. Hello love!"
    assert "Calls everyone love." in view.conversation_config["agent"]["prompt"]["prompt"]
    assert [a.ours for a in (await stage.call("list_agents")).agents] == [True]


async def test_an_update_changes_what_is_named_and_nothing_else(stage: Stage) -> None:
    """One PATCH with just the change; before and after are told."""
    agent_id, _, _ = await agent(stage)
    other = (await stage.keeper.elevenlabs.voices(category="premade")).voices[0].voice_id
    before = await stage.call("get_agent", agent_id=agent_id)
    changed = await stage.call("update_agent", agent_id=agent_id, voice_id=other)
    after = await stage.call("get_agent", agent_id=agent_id)
    assert [(c.field, c.before, c.after) for c in changed.changes] == [
        ("conversation_config.tts.voice_id", before.voice_id, other)
    ]
    assert after.model_copy(update={"voice_id": before.voice_id}).documents == before.documents
    assert after.platform_settings == before.platform_settings


async def test_an_update_that_says_nothing_new_sends_nothing(stage: Stage) -> None:
    """It was so already."""
    agent_id, voice, _ = await agent(stage)
    stage.faults.log.clear()
    assert (await stage.call("update_agent", agent_id=agent_id, voice_id=voice)).changes == []
    assert {method for method, _ in stage.faults.log} == {"GET"}


async def test_documents_are_added_and_removed_and_never_lost(stage: Stage) -> None:
    """The service replaces lists: ours are merged first."""
    agent_id, _, [first] = await agent(stage)
    [second] = (await stage.call("upload_knowledge_base", text="The bakery.", title="Bakery")).documents
    await stage.call("update_agent", agent_id=agent_id, add_documents=[second.id])
    assert [d.id for d in (await stage.call("get_agent", agent_id=agent_id)).documents] == [first, second.id]
    await stage.call("update_agent", agent_id=agent_id, remove_documents=[first])
    assert [d.id for d in (await stage.call("get_agent", agent_id=agent_id)).documents] == [second.id]
    with pytest.raises(Conflict):
        await stage.call("update_agent", agent_id=agent_id, remove_documents=[first])


async def test_a_new_language_brings_its_disclosure_and_its_model(stage: Stage) -> None:
    """The service refuses English models for other languages."""
    agent_id, _, _ = await agent(stage, manner="Slowly.")
    await stage.call("update_agent", agent_id=agent_id, language="es")
    view = await stage.call("get_agent", agent_id=agent_id)
    assert view.language == "es"
    assert "inteligencia artificial" in view.first_message
    assert view.conversation_config["tts"]["model_id"] == "eleven_flash_v2_5"
    assert "Slowly." in view.conversation_config["agent"]["prompt"]["prompt"]


async def test_a_prompt_rewritten_elsewhere_is_not_overwritten(stage: Stage) -> None:
    """What it was made from can't be read from it any more."""
    agent_id, _, _ = await agent(stage)
    patch = {"conversation_config": {"agent": {"prompt": {"prompt": "Be someone else."}}}}
    await stage.in_the_dashboard(agent_id, patch)
    with pytest.raises(Conflict, match="rewritten"):
        await stage.call("update_agent", agent_id=agent_id, manner="Faster.")


async def test_only_what_we_made_is_changed_or_opened(stage: Stage) -> None:
    """A stranger's agent, a voice in an agent's place, nothing at all to change."""
    agent_id, voice, _ = await agent(stage)
    stranger = (await stage.keeper.elevenlabs.create_agent({"conversation_config": {}, "name": "X"})).agent_id
    with pytest.raises(NotFound):
        await stage.call("update_agent", agent_id=stranger, name="Y")
    with pytest.raises(WrongKind):
        await stage.call("update_agent", agent_id=voice, name="Y")
    with pytest.raises(WrongKind, match="of a voice, not of an agent"):
        await stage.call("get_agent", agent_id=voice)
    with pytest.raises(BadInput, match="nothing to change"):
        await stage.call("update_agent", agent_id=agent_id)
    with pytest.raises(NotFound):
        await stage.call("get_signed_url", of=stranger)
    with pytest.raises(WrongKind):
        await stage.call("get_conversation_token", of=voice)


async def test_a_companion_is_not_looked_for_among_agents(stage: Stage) -> None:
    """Its id in an agent's place is told from what nobody made; the answer says where its agent's id is."""
    spec = Wish.model_validate({"subject": {"name": "Dorothy"}, "recordings": [RECORDING]})
    companion = (await stage.call("plan_companion", spec=spec)).companion
    for tool in ("get_agent", "update_agent"):
        with pytest.raises(WrongKind, match=f"get_companion.companion={companion}. tells"):
            await stage.call(tool, agent_id=companion)
    assert stage.faults.sent("GET", f"/v1/convai/agents/{companion}") == 0


async def test_credentials_are_minted_with_their_expiry(stage: Stage) -> None:
    """A URL, or a token; each says that it is a credential."""
    agent_id, _, _ = await agent(stage)
    url = await stage.call("get_signed_url", of=agent_id)
    token = await stage.call("get_conversation_token", of=agent_id)
    assert url.signed_url.startswith("ws://127.0.0.1:9/v1/convai/conversation?agent_id=")
    assert "credential" in str(url)
    assert token.token in str(token)
    assert url.expires_at.endswith("+00:00")


class Person:
    """Somebody who answers."""

    def __init__(self, **answer: Any) -> None:
        self.answer = answer
        self.asked: list[str] = []

    async def report(self, done: float, total: float, message: str) -> None:
        return None

    async def ask(self, question: str, form: type[Answer]) -> Answer | None:
        self.asked.append(question)
        return form.model_validate(self.answer)


async def test_a_person_who_can_be_asked_confirms_a_consent(stage: Stage) -> None:
    """Elicited counts more than attested; a no is a no."""
    arguments: dict[str, Any] = {
        "name": "Dorothy", "recordings": [RECORDING], "kind": "self", "granted_by": "Dorothy"
    }  # fmt: skip
    yes, no = Person(agree=True), Person(agree=False)
    assert (await stage.call("record_consent", **arguments, caller=yes)).granting == "elicited"
    assert "Dorothy" in yes.asked[0]
    with pytest.raises(NeedsConsent, match="declined"):
        await stage.call("record_consent", **arguments, caller=no)


async def test_provisioning_asks_a_person_for_the_consent_that_is_missing(stage: Stage) -> None:
    """Who agrees, and as what."""
    wish = Wish.model_validate({"subject": {"name": "Dorothy"}, "recordings": [RECORDING]})
    plan = await stage.call("plan_companion", spec=wish)
    heir = Person(agree=True, kind="executor_or_heir", granted_by="Ann")
    with pytest.raises(NeedsConsent):
        await stage.call("provision_companion", plan_id=plan.plan_id, caller=heir)
    herself = Person(agree=True, kind="self", granted_by="Dorothy", confirm=True)
    assert (await stage.call("provision_companion", plan_id=plan.plan_id, caller=herself)).status == "done"
    assert [plan.plan_id in question for question in herself.asked] == [False, True]


async def test_a_consent_of_ones_own_is_given_by_oneself(stage: Stage) -> None:
    """By any part of the name; somebody else isn't `self`."""
    said: dict[str, Any] = {"name": "Dorothy Byrne", "recordings": [RECORDING], "kind": "self"}
    assert (await stage.call("record_consent", **said, granted_by="dorothy")).kind == "self"
    with pytest.raises(BadInput, match="Dorothy Byrne's own"):
        await stage.call("record_consent", **said, granted_by="Alice")


@pytest.mark.parametrize(("kind", "deceased"), [("self", True), ("guardian", True), ("executor_or_heir", False)])
async def test_a_kind_of_consent_must_be_possible(stage: Stage, kind: str, deceased: bool) -> None:
    """The dead can't agree now, and the living have no heirs."""
    with pytest.raises(BadInput):
        await stage.call(
            "record_consent", name="A", recordings=[RECORDING], kind=kind, granted_by="A", deceased=deceased
        )


async def test_two_changes_at_once_lose_nothing(stage: Stage) -> None:
    """Each adds a document; both are there."""
    agent_id, _, [first] = await agent(stage)
    made = [await stage.call("upload_knowledge_base", text=f"Memory {n}.", title="M") for n in range(2)]
    added = [upload.documents[0].id for upload in made]
    async with anyio.create_task_group() as group:
        for document in added:
            group.start_soon(partial(stage.call, "update_agent", agent_id=agent_id, add_documents=[document]))
    assert [d.id for d in (await stage.call("get_agent", agent_id=agent_id)).documents] == [first, *added]


async def test_what_is_uploaded_is_named_plainly(stage: Stage) -> None:
    """A title is one line; a text is text."""
    uploaded = await stage.call("upload_knowledge_base", text="Hello.", title="a\nIGNORE\x1b[31m")
    assert "\n" not in uploaded.documents[0].name
    assert "\x1b" not in uploaded.documents[0].name
    with pytest.raises(BadInput, match="not text"):
        await stage.call("upload_knowledge_base", text="a\0b")


async def test_a_damaged_signing_key_is_no_key(stage: Stage) -> None:
    """Half a key would let anyone sign."""
    await cloned(stage)
    (stage.keeper.settings.folder / "consent.key").write_bytes(b"")
    with pytest.raises(Conflict, match="damaged"):
        await stage.call("clone_voice", name="Dorothy", recordings=[RECORDING])
