"""At most one of each thing, whatever the network does. The sandbox is real; time is not."""

from __future__ import annotations

import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from stage import Stage
from storykeeper_tools.errors import BadInput, Conflict, RateLimited, StorykeeperError, Unavailable
from storykeeper_tools.provisioning.blobs import Blobs
from storykeeper_tools.provisioning.ensure import Ensure, Patience
from storykeeper_tools.provisioning.kinds import Wanted, WantedAgent, WantedDocument, WantedVoice
from storykeeper_tools.provisioning.plan import StagedMemory, StagedRecording

pytestmark = pytest.mark.anyio
TEXT, VOICE, AGENT = "/v1/convai/knowledge-base/text", "/v1/voices/add", "/v1/convai/agents/create"
PATIENCE = Patience(fresh=20, settle=300, lag=60, poll=3, rounds=4, longest=30)


@dataclass
class Time:
    """A clock that only waiting moves; also a run that notes its steps and how long it slept."""

    now: float = 1_000_000.0
    slept: list[float] = field(default_factory=list)
    steps: list[str] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    async def step(self, name: str, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        self.steps.append(name)
        return await call(*args)


def ensuring(stage: Stage, time: Time) -> Ensure:
    """A process's worth of memory: another one knows nothing of the first's nonces."""
    keeper = stage.keeper
    blobs = Blobs(keeper.settings.folder / "blobs")
    clocks = time.clock, time.sleep
    return Ensure(keeper.elevenlabs, keeper.ledger, blobs, PATIENCE, *clocks, permit=lambda wanted: None)


def document(stage: Stage, text: str = "Born in Cork.") -> Wanted:
    with Blobs(stage.keeper.settings.folder / "blobs").staging() as staging:
        sha256 = staging.add(io.BytesIO(text.encode()))
    memory = StagedMemory(sha256=sha256, title="Cork", type="text", mime="text/plain")
    return WantedDocument(marker="keep-1", slot=sha256, name="Cork", memory=memory)


def voice(stage: Stage, recording: bytes) -> Wanted:
    with Blobs(stage.keeper.settings.folder / "blobs").staging() as staging:
        sha256 = staging.add(io.BytesIO(recording))
    staged = StagedRecording(sha256=sha256, name="a.wav", mime="audio/wav", seconds=40)
    return WantedVoice(marker="keep-1", name="Dorothy", recordings=(staged,))


async def remote_documents(stage: Stage) -> list[str]:
    return [d.id for d in (await stage.keeper.elevenlabs.documents(search="keep-1")).documents]


async def test_a_happy_path_costs_one_request(stage: Stage) -> None:
    """No look-up before, none after."""
    time = Time()
    [made] = await ensuring(stage, time)(time, [document(stage)])
    assert stage.faults.log == [("POST", TEXT)]
    assert await remote_documents(stage) == [made.id]


async def test_wanted_again_it_is_there_already(stage: Stage) -> None:
    """Also in another process: the ledger knows."""
    time = Time()
    first = await ensuring(stage, time)(time, [document(stage)])
    again = await ensuring(stage, time)(time, [document(stage)])
    assert again == first
    assert stage.faults.sent("POST", TEXT) == 1


@pytest.mark.parametrize("fault", ["reset after", "500 after", "503 after", "html"])
async def test_a_lost_answer_is_found_again_by_its_marker(stage: Stage, fault: str) -> None:
    """The thing was made and nobody heard of it: it is adopted, not made twice."""
    time = Time()
    stage.faults.due = [("POST", TEXT, fault)]
    [made] = await ensuring(stage, time)(time, [document(stage)])
    assert await remote_documents(stage) == [made.id]
    assert stage.faults.sent("POST", TEXT) == 1


@pytest.mark.parametrize("fault", ["reset before", "500 before"])
async def test_what_was_never_made_is_made_after_the_time_to_show_up(stage: Stage, fault: str) -> None:
    """Only when a look after that time doesn't find it."""
    time = Time()
    stage.faults.due = [("POST", TEXT, fault)]
    [made] = await ensuring(stage, time)(time, [document(stage)])
    assert await remote_documents(stage) == [made.id]
    assert stage.faults.sent("POST", TEXT) == 2
    assert sum(time.slept) >= PATIENCE.lag


@pytest.mark.parametrize(("fault", "wait"), [("429 7", 7.0), ("429", 1.0), ("refused", 1.0)])
async def test_what_was_not_taken_is_sent_again_after_a_wait(stage: Stage, fault: str, wait: float) -> None:
    """As long as the service asked for; with one look before, since the refusal may not be the service's own."""
    time = Time()
    stage.faults.due = [("POST", TEXT, fault)]
    await ensuring(stage, time)(time, [document(stage)])
    assert stage.faults.log == [("POST", TEXT), ("GET", "/v1/convai/knowledge-base"), ("POST", TEXT)]
    assert time.slept == [wait]


async def test_what_was_refused_and_made_all_the_same_is_not_made_again(stage: Stage) -> None:
    """The next process remembers the refusal, looks, and adopts it."""
    time = Time()
    stage.faults.due = [("POST", TEXT, "400 after")]
    with pytest.raises(BadInput):
        await ensuring(stage, time)(time, [document(stage)])
    [made] = await ensuring(stage, time)(time, [document(stage)])
    assert await remote_documents(stage) == [made.id]
    assert stage.faults.sent("POST", TEXT) == 1


async def test_a_service_that_stays_busy_is_told_about(stage: Stage) -> None:
    """After the rounds there are, with waits of bounded length."""
    time = Time()
    stage.faults.due = [("POST", TEXT, "429 9999")] * PATIENCE.rounds
    with pytest.raises(RateLimited):
        await ensuring(stage, time)(time, [document(stage)])
    assert time.slept == [PATIENCE.longest] * (PATIENCE.rounds - 1)


async def test_an_intent_of_a_dead_process_is_not_sent_again_but_looked_up(stage: Stage) -> None:
    """It had sent and then died: the next process adopts what it made."""
    time = Time()
    wanted = document(stage)
    stage.keeper.ledger.intend(wanted.intent().model_copy(update={"nonce": "dead", "intended_at": time.now}))
    await wanted.create(stage.keeper.elevenlabs, ensuring(stage, time).blobs, lambda: None)
    [made] = await ensuring(stage, time)(time, [wanted])
    assert await remote_documents(stage) == [made.id]
    assert stage.faults.sent("POST", TEXT) == 1


async def test_an_intent_that_came_to_nothing_holds_for_its_time_and_no_longer(stage: Stage) -> None:
    """It died before sending: sent by the next process once nothing can show up any more."""
    time = Time()
    wanted = document(stage)
    stage.keeper.ledger.intend(wanted.intent().model_copy(update={"nonce": "dead", "intended_at": time.now}))
    [made] = await ensuring(stage, time)(time, [wanted])
    assert time.now >= 1_000_000 + PATIENCE.settle
    assert await remote_documents(stage) == [made.id]
    assert stage.faults.sent("POST", TEXT) == 1


async def test_an_intent_that_grew_old_before_it_was_sent_is_not_sent(stage: Stage) -> None:
    """The process was frozen between intending and sending: it writes a new intent first."""
    time = Time()

    class Frozen(Time):
        async def step(self, name: str, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
            answer = await super().step(name, call, *args)
            if name.startswith("intend") and len(self.steps) == 1:
                time.now += 100
            return answer

    run = Frozen()
    await ensuring(stage, time)(run, [document(stage)])
    assert stage.faults.sent("POST", TEXT) == 1
    assert [name.split()[0] for name in run.steps] == ["intend", "create", "intend", "create"]


async def test_an_unknown_fate_is_not_forgotten_while_looking_fails(stage: Stage) -> None:
    """The service is down: neither sent again nor given up; the intent stays for the next run."""
    time = Time()
    stage.faults.due = [("POST", TEXT, "reset after"), *[("GET", "/v1/convai/knowledge-base", "500 before")] * 400]
    wanted = document(stage)
    with pytest.raises(Unavailable):
        await ensuring(stage, time)(time, [wanted])
    kept = stage.keeper.ledger.resource("keep-1", "document", wanted.slot)
    assert kept is not None
    assert kept.state == "intended"

    stage.faults.due.clear()
    [made] = await ensuring(stage, time)(time, [wanted])
    assert await remote_documents(stage) == [made.id]
    assert stage.faults.sent("POST", TEXT) == 1


async def test_a_refusal_says_what_exists_beside_it(stage: Stage, recording: Callable[[float], bytes]) -> None:
    """The document goes on while the voice is refused, and is named in the error."""
    time = Time()
    with pytest.raises(StorykeeperError) as told:
        await ensuring(stage, time)(time, [voice(stage, recording(0.2)), document(stage)])
    [made] = await remote_documents(stage)
    assert told.value.code == "recording_refused"
    assert made in told.value.exists
    assert stage.keeper.ledger.resource("keep-1", "voice", "") is None


@pytest.mark.parametrize("fault", ["reset after", "reset before"])
async def test_voices_are_found_by_the_marker_in_their_description(
    stage: Stage, recording: Callable[[float], bytes], fault: str
) -> None:
    """The service has no better place for it."""
    time = Time()
    stage.faults.due = [("POST", VOICE, fault)]
    [made] = await ensuring(stage, time)(time, [voice(stage, recording(2))])
    personal = (await stage.keeper.elevenlabs.voices(voice_type="personal")).voices
    assert [v.voice_id for v in personal] == [made.id]
    assert "[keep-1]" in (personal[0].description or "")


async def test_agents_are_found_by_their_tag(stage: Stage) -> None:
    """Another agent of the same name isn't taken for ours."""
    time = Time()
    body = {"name": "D", "conversation_config": {}}
    await stage.keeper.elevenlabs.create_agent({**body, "tags": ["keep-2"]})
    stage.faults.due = [("POST", AGENT, "reset after")]
    [made] = await ensuring(stage, time)(
        time, [WantedAgent(marker="keep-1", name="D", body={**body, "tags": ["keep-1"]})]
    )
    assert (await stage.keeper.elevenlabs.agent(made.id)).tags == ["keep-1"]


async def test_bad_input_is_not_repeated(stage: Stage) -> None:
    """One request, one answer, and the intent is withdrawn."""
    time = Time()
    with pytest.raises(BadInput):
        await ensuring(stage, time)(time, [WantedAgent(marker="keep-1", name="D", body={
            "conversation_config": {"agent": {"language": "en"}, "tts": {"model_id": "eleven_turbo_v2_5"}}
        })])  # fmt: skip
    assert stage.faults.sent("POST", AGENT) == 1
    assert stage.keeper.ledger.resource("keep-1", "agent", "") is None


async def test_a_document_is_found_whatever_title_it_has_now(stage: Stage) -> None:
    """Its content is its identity, not its name."""
    time = Time()
    wanted = document(stage)
    stage.keeper.ledger.intend(wanted.intent().model_copy(update={"nonce": "dead", "intended_at": time.now}))
    old = await wanted.create(stage.keeper.elevenlabs, ensuring(stage, time).blobs, lambda: None)
    [made] = await ensuring(stage, time)(time, [wanted.model_copy(update={"name": "A new title"})])
    assert made.id == old.id
    assert stage.faults.sent("POST", TEXT) == 1


async def test_an_intent_from_the_future_is_not_waited_for(stage: Stage) -> None:
    """A clock was set back by a day since it was written."""
    time = Time()
    wanted = document(stage)
    tomorrow = time.now + 86_400
    stage.keeper.ledger.intend(wanted.intent().model_copy(update={"nonce": "dead", "intended_at": tomorrow}))
    await ensuring(stage, time)(time, [wanted])
    assert time.now <= 1_000_000 + PATIENCE.settle + PATIENCE.poll


async def test_a_clock_that_jumps_ahead_does_not_shorten_the_wait(stage: Stage) -> None:
    """An intent that looks ten years old is looked for as long as a lost answer may take to show up."""
    time = Time()
    wanted = document(stage)
    stage.keeper.ledger.intend(wanted.intent().model_copy(update={"nonce": "dead", "intended_at": 0}))
    await ensuring(stage, time)(time, [wanted])
    assert sum(time.slept) >= PATIENCE.lag


async def test_a_clock_that_is_set_back_while_looking_does_not_hold_a_run_up(stage: Stage) -> None:
    """It is believed after the time to settle, however long ago that seems to be."""

    class SetBack(Time):
        async def sleep(self, seconds: float) -> None:
            await super().sleep(seconds)
            self.now -= 86_400 if len(self.slept) == 1 else 0

    time = SetBack()
    stage.faults.due = [("POST", TEXT, "reset before")]
    await ensuring(stage, time)(time, [document(stage)])
    assert sum(time.slept) <= PATIENCE.settle + 2 * PATIENCE.poll


async def test_an_intent_whose_age_a_clock_hides_is_not_sent(stage: Stage) -> None:
    """The process was frozen, and the clock was set back meanwhile: what nobody can set tells."""
    time = Time()

    class Frozen(Time):
        async def step(self, name: str, call: Callable[..., Awaitable[Any]], *args: Any) -> Any:
            answer = await super().step(name, call, *args)
            self.now += 100 if len(self.steps) == 1 else 0
            return answer

    run = Frozen()
    await replace(ensuring(stage, time), ticks=run.clock)(run, [document(stage)])
    assert [name.split()[0] for name in run.steps] == ["intend", "create", "intend", "create"]
    assert stage.faults.sent("POST", TEXT) == 1


async def test_bytes_that_were_changed_after_staging_are_never_sent(
    stage: Stage, recording: Callable[[float], bytes]
) -> None:
    """They are not what somebody consented to."""
    time = Time()
    wanted = voice(stage, recording(40))
    assert isinstance(wanted, WantedVoice)
    ensure = ensuring(stage, time)
    (ensure.blobs.folder / wanted.recordings[0].sha256).write_bytes(recording(41))
    with pytest.raises(Conflict, match="changed"):
        await ensure(time, [wanted])
    assert stage.faults.sent("POST", VOICE) == 0


async def test_many_things_are_made_a_few_at_a_time(stage: Stage) -> None:
    """An account has few requests to itself; all of them get through."""
    time = Time()
    wanted = [document(stage, f"Memory {n}.") for n in range(23)]
    most = 0
    flying = 0
    inner = stage.faults.inner.handle_async_request

    class Counting(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            nonlocal most, flying
            flying += 1
            most = max(most, flying)
            await anyio.lowlevel.checkpoint()
            try:
                return await inner(request)
            finally:
                flying -= 1

    stage.faults.inner = Counting()
    made = await ensuring(stage, time)(time, wanted)
    assert len({m.id for m in made}) == 23
    assert stage.faults.sent("POST", TEXT) == 23
    assert 1 < most <= 5


async def test_a_caller_who_gives_up_does_not_lose_what_was_sent(stage: Stage) -> None:
    """The request ends, and its result is written down."""
    time = Time()
    wanted = document(stage)
    ensure = ensuring(stage, time)
    arrived, go_on = anyio.Event(), anyio.Event()
    inner = stage.faults.inner.handle_async_request

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            arrived.set()
            await go_on.wait()
            return await inner(request)

    stage.faults.inner = Slow()
    async with anyio.create_task_group() as group:
        group.start_soon(ensure, time, [wanted])
        await arrived.wait()
        group.cancel_scope.cancel()
    go_on.set()
    await ensure.stop()
    kept = stage.keeper.ledger.resource("keep-1", "document", wanted.slot)
    assert kept is not None
    assert kept.state == "made"
    assert await remote_documents(stage) == [kept.id]
