"""What breaks around the orchestrator ends in words; nothing is spent, and the next turn works."""

from __future__ import annotations

import logging
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.adk.models.llm_request import LlmRequest
from google.adk.models.llm_response import LlmResponse
from google.genai import types

from judged import build, served
from scripted.models import Changing, Failing, Script, call, say
from scripted.talk import EXAMPLES, Talk, environ, talking
from storykeeper_orchestrator import model as models
from storykeeper_orchestrator import toolbox
from storykeeper_orchestrator.server import RUN
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio
SERVER = Path(__file__).parent.parent / "scripted" / "server.py"
DOROTHY = {"name": "Dorothy", "recordings": [str(EXAMPLES / "dorothy")], "audience": "family"}
WISH = f"Make a companion of Dorothy from {EXAMPLES / 'dorothy'}. She gave me her consent."


@pytest.fixture(autouse=True)
def no_traces(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """No test here may leave a stack trace, neither logged nor printed."""
    yield
    told = [record for record in caplog.records if record.exc_info and record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in told] == []
    assert "Traceback" not in capfd.readouterr().err


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served(build(State(None), plan="pro")) as url:
        yield url


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def shared(url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Talk, Changing]]:
    """One tool server for the tests that don't break it."""
    model = Changing(model="m")
    async with talking(models.bounded(model, longest=0.2), environ(url, tmp_path_factory.mktemp("home"))) as talk:
        yield talk, model


@pytest.fixture
def talk(shared: tuple[Talk, Changing], url: str) -> Talk:
    """A conversation of its own."""
    shared[0].anew()
    spent(url)
    return shared[0]


@pytest.fixture
def play(shared: tuple[Talk, Changing]) -> Callable[..., None]:
    """What the model does next."""

    def played(*turns: list[types.Part]) -> None:
        shared[1].within = Script(turns=list(turns))

    return played


def spent(url: str) -> list[str]:
    """What was written to the account since the last time."""
    seen = httpx.get(f"{url}/_sandbox/requests").json()["requests"]
    httpx.delete(f"{url}/_sandbox/requests")
    return [f"{one['method']} {one['path']}" for one in seen if one["method"] != "GET"]


@asynccontextmanager
async def broken(kind: str, tool: str, url: str, home: Path, model: Any, **patience: float) -> AsyncIterator[Talk]:
    """A talk over a tool server that has something wrong with it."""
    told = environ(url, home / "home")
    command = [sys.executable, str(SERVER), kind, tool, str(home / "once")]
    box = toolbox.connect(told, command=command, patience={"": 30, **patience}, start=patience.get("start", 30))
    spent(url)
    async with talking(model, told, box) as talk:
        yield talk


@pytest.mark.parametrize(("kind", "start"), [("stillborn", 30), ("mute", 0.5)])
async def test_a_tool_server_that_never_lives_is_told(url: str, tmp_path: Path, kind: str, start: float) -> None:
    """Before a model could make anything up; each turn tries again."""
    model = Script()
    async with broken(kind, "", url, tmp_path, model, start=start) as talk:
        for _ in range(2):
            await talk.say(WISH)
            assert "The tool server did not start" in talk.said[-1]
    assert (model.requests, spent(url)) == ([], [])


@pytest.mark.parametrize(("kind", "patience"), [("dies", 30), ("silent", 4)])
async def test_a_single_tool_that_is_never_answered(url: str, tmp_path: Path, kind: str, patience: float) -> None:
    """Is an error for the model to tell; the next turn has its answer, from a server that was started again."""
    model = Script(turns=[[call("check_quota")], [say("Sorry.")], [call("check_quota")], [say("So much.")]])
    async with broken(kind, "check_quota", url, tmp_path, model, check_quota=patience) as talk:
        await talk.say("How much is left?")
        told = "broke off during" if kind == "dies" else "didn't answer"
        assert told in (talk.answers[0].response or {})["error"]
        assert talk.said == ["Sorry."]
        model.turns = [[call("check_quota")], [say("So much.")]]
        await talk.say("And now?")
        assert "creator" in talk.told or "pro" in talk.told
    assert spent(url) == []


@pytest.mark.parametrize(
    ("kind", "tool", "patience"),
    [("silent", "plan_companion", 8), ("dies", "provision_companion", 30), ("dies", "rehearse_companion", 30)],
)
async def test_a_procedure_that_loses_its_server_is_begun_again(
    url: str, tmp_path: Path, kind: str, tool: str, patience: float
) -> None:
    """It says what there is and what to do; said again, it makes one voice in all, and ends."""
    made = [call("make_companion", **DOROTHY)]
    model = Script(turns=[made, [say("It stopped.")]])
    async with broken(kind, tool, url, tmp_path, model, **{tool: patience}) as talk:
        await talk.say(WISH)
        await talk.through({"confirm": True})
        outcome = talk.answers[-1].response or {}
        assert outcome.get("report"), outcome
        assert ("broke off during " if kind == "dies" else "didn't answer ") + tool in outcome["report"]
        model.turns = [made, [say("Done.")]]
        await talk.say(WISH)
        await talk.through({"confirm": True})
        assert (talk.answers[-1].response or {})["companion"]["status"] == "done", talk.told
    assert spent(url).count("POST /v1/voices/add") == 1


@pytest.mark.parametrize("tool", ["provision_companion", "retire_companion"])
async def test_what_never_ends_is_left_to_itself(url: str, tmp_path: Path, tool: str) -> None:
    """After as long as is waited for a whole run: in words, as an outcome, and the next message is heard."""
    model, answer = Script(turns=[[call("make_companion", **DOROTHY)], [say("It goes on.")]]), "yes"
    if tool == "retire_companion":
        async with talking(model, environ(url, tmp_path / "home")) as talk:
            await talk.say(WISH)
            await talk.through({"confirm": answer})
            answer = (talk.answers[-1].response or {})["companion"]["companion"]
            model.turns = [[call(tool, companion=answer, action="forget")], [say("It goes on.")]]
    async with broken("endless", tool, url, tmp_path, model, **{RUN: 0.1}) as talk:
        await talk.say(WISH)
        await talk.through({"confirm": answer})
        outcome = talk.answers[-1].response or {}
        assert outcome["error"]["code"] == "timed_out", outcome
        assert "still goes on" in outcome["report"]
        assert "Nobody has to do anything but wait" in outcome["report"]
        assert talk.said[-1] == "It goes on."
        await talk.say("Hello")
        assert talk.said == ["That is all."]


def answering(*parts: types.Part, **more: Any) -> LlmResponse:
    return LlmResponse(content=types.Content(role="model", parts=list(parts)), **more)


async def raising(_: LlmRequest) -> AsyncIterator[LlmResponse]:
    raise RuntimeError("secret-key-1234 was refused")
    yield


async def hanging(_: LlmRequest) -> AsyncIterator[LlmResponse]:
    import anyio

    await anyio.sleep_forever()
    yield


async def silent(_: LlmRequest) -> AsyncIterator[LlmResponse]:
    return
    yield


async def empty(_: LlmRequest) -> AsyncIterator[LlmResponse]:
    yield LlmResponse()


async def thinking(_: LlmRequest) -> AsyncIterator[LlmResponse]:
    yield answering(types.Part(text="I wonder.", thought=True))


async def refusing(_: LlmRequest) -> AsyncIterator[LlmResponse]:
    yield LlmResponse(error_code="MALFORMED_FUNCTION_CALL", error_message="x")


async def nameless(_: LlmRequest) -> AsyncIterator[LlmResponse]:
    calls = [
        types.FunctionCall(name=None, args={}),
        types.FunctionCall.model_construct(name="make_companion", args="name=Dorothy"),
        types.FunctionCall.model_construct(name=7, args={}),
        types.FunctionCall(name="adk_request_input", args={"message": "yes?"}, id="confirm x"),
    ]
    yield answering(*(types.Part.model_construct(function_call=one) for one in calls))


async def breaking_off(_: LlmRequest) -> AsyncIterator[LlmResponse]:
    yield answering(say("Of cou"), partial=True)
    raise ConnectionResetError("the line went dead")


@pytest.mark.parametrize(
    "doing",
    [raising, hanging, silent, empty, thinking, refusing, nameless, breaking_off],
    ids=lambda doing: doing.__name__,
)
async def test_a_model_that_fails_is_told_in_words(
    talk: Talk, shared: tuple[Talk, Changing], url: str, doing: Any
) -> None:
    """Without what it raised, which may hold a key; nothing is made, and the next message is heard."""
    shared[1].within = Failing(model="m", doing=doing)
    for _ in range(2):
        await talk.say(WISH)
        assert talk.said[-1].startswith("The language model m "), talk.said
        assert "secret" not in talk.said[-1]
        assert talk.pauses == []
    assert spent(url) == []


async def test_what_was_done_is_told_though_the_model_fails(
    talk: Talk, shared: tuple[Talk, Changing], play: Callable[..., None]
) -> None:
    """The report of a procedure, of each in its turn; of a single tool that it has answered. Never that nothing is made."""
    play([call("make_companion", **DOROTHY)])
    await talk.say(WISH)
    shared[1].within = Failing(model="m", doing=raising)
    await talk.through({"confirm": True})
    report = (talk.answers[-1].response or {})["report"]
    assert talk.said[-1].startswith(f"{report}\nThe language model m failed (RuntimeError), "), talk.said
    assert "Nothing is made" not in talk.said[-1]
    play([call("upload_knowledge_base", text="hello", title="T")])
    await talk.say("upload hello")
    shared[1].within = Failing(model="m", doing=silent)
    await talk.answer(True)
    assert "when upload_knowledge_base had answered" in talk.said[-1], talk.said
    assert report not in talk.said[-1]


async def test_a_receipt_is_told_at_the_limit(url: str, tmp_path: Path) -> None:
    """With a single call of the model allowed: what was deleted is known to whoever said so."""
    model = Script(turns=[[call("make_companion", **DOROTHY)]])
    async with talking(model, environ(url, tmp_path, STORYKEEPER_MODEL_CALLS="1")) as talk:
        await talk.say(WISH)
        await talk.through({"confirm": True})
        made = (talk.answers[-1].response or {})["companion"]["companion"]
        assert f"{made} is done" in talk.said[-1]
        model.turns = [[call("retire_companion", companion=made, action="forget")]]
        await talk.say("Forget her")
        await talk.answer(made)
        assert "Receipt rec" in talk.said[-1], talk.said
        assert "I stop here: this took 1 model call, " in talk.said[-1]


async def test_a_huge_answer_is_cut_and_too_many_calls_are_dropped(talk: Talk, play: Callable[..., None]) -> None:
    """A conversation is sent to the model again with each message."""
    play([say("ab " * 400_000)], [call("list_companions") for _ in range(500)], [say("ok")])
    await talk.say("Hello")
    assert len(talk.said[-1]) <= 20_001
    await talk.say("Hello")
    assert len(talk.answers) == 8


@pytest.mark.parametrize(
    "answer", [None, 0, 1, 3.5, [], ["yes"], {}, {"a": {"b": "yes"}}, "", " ", "\x00", "x" * 100_000]
)
async def test_an_answer_of_any_shape_is_read_and_is_no_yes(
    talk: Talk, play: Callable[..., None], url: str, answer: object
) -> None:
    """To a question of a procedure, and to one about a single tool."""
    play([call("upload_knowledge_base", text="hello", title="T")], [say("No.")], [call("make_companion", **DOROTHY)])
    await talk.say("upload hello")
    await talk.answer(answer)
    assert (talk.pauses, talk.said) == ([], ["No."])
    await talk.say(WISH)
    while talk.pauses:
        await talk.answer(answer)
    assert (talk.answers[-1].response or {})["error"]["code"] in {"needs_consent", "needs_confirm"}, talk.told
    assert spent(url) == []


async def test_an_answer_given_twice_or_long_after_counts_once(talk: Talk, play: Callable[..., None], url: str) -> None:
    """And nothing is made by it the second time."""
    play([call("upload_knowledge_base", text="hello", title="T")], [say("Done.")], [call("make_companion", **DOROTHY)])
    await talk.say("upload hello")
    [tool] = talk.pauses
    await talk.answer(True)
    await talk.say(WISH)
    [plan] = talk.pauses
    await talk.answer("yes")
    await talk.through({"confirm": True})
    assert (talk.answers[-1].response or {})["companion"]["status"] == "done"
    spent(url)
    for pause in (plan, tool, plan):
        await talk.answer(True, pause)
        assert talk.pauses == []
    assert [one for one in spent(url) if "simulate" not in one] == []


async def test_an_answer_to_nothing_is_refused_and_the_talk_goes_on(talk: Talk, play: Callable[..., None]) -> None:
    """ADK itself says so to the program that sent it."""
    play([say("Hello.")])
    await talk.say("Hello")
    unknown = types.FunctionCall(id="confirm plan_0", name="adk_request_input", args={})
    with pytest.raises(ValueError, match="Function call not found"):
        await talk.answer("yes", unknown)
    await talk.say("Hello")
    assert talk.said == ["That is all."]
