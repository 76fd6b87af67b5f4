"""A talk of our own over the service's WebSocket, as the terminal has it: what is said, shown and heard."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.server import ServerConnection, serve

from judged import build
from outside import TEXT, companion, greeting, rest, signed
from storykeeper_server.sandbox.serving import serving
from storykeeper_server.sandbox.state import State
from storykeeper_server.sandbox.switches import Switches
from storykeeper_server.speaking import Script, Shown, shown
from storykeeper_server.talk.conversation import Conversation
from storykeeper_server.talk.pictures import Album, Photo
from storykeeper_tools.errors import Conflict, StorykeeperError, Unavailable, UnexpectedAnswer

pytestmark = pytest.mark.anyio
CLOCK = "What did the family call the clock?"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A sandbox that hears a question in whatever is said."""
    async with serving(build(State(None), switches=Switches(hears=(CLOCK,)))) as url, rest(url) as client:
        yield client


def typing(*lines: str) -> Callable[[Conversation], Awaitable[None]]:
    async def typed(talk: Conversation) -> None:
        for line in lines:
            await talk.write(line)

    return typed


async def begun(client: httpx.AsyncClient, **more: Any) -> str:
    """A link to an agent whose greeting needs no variables."""
    agent = await companion(client, overridable=TEXT, **more)
    hello = {"conversation_config": {"agent": {"first_message": greeting("Niamh")}}}
    await client.patch(f"/v1/convai/agents/{agent}", json=hello)
    return await signed(client, agent)


async def test_a_typed_talk(client: httpx.AsyncClient) -> None:
    """Greeted, asked, answered from the memories, and over when nothing more is typed."""
    said: list[tuple[str, str]] = []
    talk = Conversation(lambda who, text: said.append((who, text)))
    await talk.run(await begun(client), typing(CLOCK))
    assert said[0] == ("agent", greeting("Niamh"))
    assert "Liar" in said[-1][1]
    assert talk.id.startswith("conv_")


async def test_an_agents_tool_shows_a_photo_here(client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]) -> None:
    """The one whose caption has most of the words; what isn't there isn't made up."""
    album = Album(
        None, [Photo("1", "Our wedding day", Path("/album/wedding.jpg")), Photo("2", "The bakery", Path("b.jpg"))]
    )
    script = Script("Dorothy", "en")
    tool = Shown(album, script).show_photo
    talk = Conversation(script.say, {"show_photo": tool})
    await talk.run(await begun(client), typing("Please show a photo of the wedding"))
    assert "(photo): Our wedding day: /album/wedding.jpg" in capsys.readouterr().out
    assert tool({"subject": "Mars"}) == tool({}) == "There is no photo of that. Don't describe one."


async def test_a_tool_that_is_not_here_is_an_error_of_the_agents(client: httpx.AsyncClient) -> None:
    """The talk goes on."""
    talk = Conversation(lambda who, text: None)
    await talk.run(await begun(client), typing("Please show a photo of the wedding", CLOCK))
    found = (await client.get(f"/v1/convai/conversations/{talk.id}")).json()
    [result] = [result for turn in found["transcript"] for result in turn["tool_results"]]
    assert (result["is_error"], result["result_value"]) == (True, "Tool 'show_photo' is not registered")


class Ear:
    """A sound card: what is put into it goes to the agent, what the agent says is kept."""

    def __init__(self) -> None:
        self.heard, self.stopped, self.interrupted = bytearray(), False, 0
        self.playing = asyncio.Event()
        self.enough = threading.Event()

    def start(self, input_callback: Callable[[bytes], None]) -> None:
        def speak() -> None:
            loud, silence = b"\x00\x40\x00\xc0" * 500, bytes(2000)
            for chunk in [loud] * 20 + [silence] * 400:
                if self.enough.wait(0.02):
                    return
                input_callback(chunk)

        self.thread = threading.Thread(target=speak)
        self.thread.start()

    def stop(self) -> None:
        self.enough.set()
        self.thread.join()
        self.stopped = True

    def output(self, audio: bytes) -> None:
        self.heard += audio
        if len(self.heard) > 16_000:
            self.playing.set()

    def interrupt(self) -> None:
        self.interrupted += 1


async def test_a_spoken_talk(client: httpx.AsyncClient) -> None:
    """With a microphone and a speaker, which are let go of at the end."""
    ear, answered = Ear(), asyncio.Event()
    said: list[tuple[str, str]] = []

    def say(who: str, text: str) -> None:
        said.append((who, text))
        if who == "user":
            ear.enough.set()
        if "Liar" in text:
            answered.set()

    async def until_answered(_: Conversation) -> None:
        async with asyncio.timeout(60):
            await answered.wait()
            await ear.playing.wait()

    await Conversation(say, audio=ear).run(await begun(client), until_answered)
    assert ("user", CLOCK) in said
    assert ear.stopped


async def test_a_link_that_was_used_opens_no_second_talk(client: httpx.AsyncClient) -> None:
    """Where it was made for one; it says what to do."""
    agent = (await begun(client)).partition("agent_id=")[2].partition("&")[0]
    once = {"agent_id": agent, "include_conversation_id": "true"}
    url = (await client.get("/v1/convai/conversation/get-signed-url", params=once)).json()["signed_url"]
    await Conversation(lambda who, text: None).run(url, typing())
    with pytest.raises(UnexpectedAnswer, match="3000"):
        await Conversation(lambda who, text: None).run(url, typing())


async def test_a_link_that_is_too_old_opens_none(client: httpx.AsyncClient) -> None:
    """After a quarter of an hour."""
    url = await begun(client)
    await client.post("/_sandbox/clock", json={"advance": 15 * 60 + 1})
    with pytest.raises(UnexpectedAnswer, match="3000"):
        await Conversation(lambda who, text: None).run(url, typing())


async def test_a_companion_that_takes_no_more_says_so(client: httpx.AsyncClient) -> None:
    """As a paused one does at the service."""
    url = await begun(client)
    agent = url.partition("agent_id=")[2].partition("&")[0]
    shut = {"platform_settings": {"call_limits": {"daily_limit": 0, "agent_concurrency_limit": 0}}}
    await client.patch(f"/v1/convai/agents/{agent}", json=shut)
    with pytest.raises(Conflict, match="no more talks"):
        await Conversation(lambda who, text: None).run(url, typing())


STRANGE: list[tuple[list[str], int, type[StorykeeperError]]] = [
    ([], 1011, Unavailable),
    (["not json"], 1000, UnexpectedAnswer),
    (["[]", '{"type": "audio"}', '{"type": "client_tool_call"}', '{"type": "ping"}', "7"], 1011, Unavailable),
]


@pytest.mark.parametrize(("frames", "code", "error"), STRANGE)
async def test_whatever_the_other_side_says_ends_in_a_sentence(
    frames: list[str], code: int, error: type[StorykeeperError]
) -> None:
    """And in no traceback."""

    async def answer(socket: ServerConnection) -> None:
        await socket.recv()
        for frame in frames:
            await socket.send(frame)
        await socket.close(code)

    async def wait(_: Conversation) -> None:
        await asyncio.Event().wait()

    async with serve(answer, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()[:2]
        with pytest.raises(error):
            await Conversation(lambda who, text: None).run(f"ws://{host}:{port}/", wait)


async def test_nothing_is_written_before_the_greeting() -> None:
    """Or that would be taken for the answer."""
    came: list[str] = []

    async def greet(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send('{"type": "conversation_initiation_metadata"}')
        for _ in range(2):  # by the second, whoever is in a hurry has written
            await socket.send('{"type": "ping", "ping_event": {"event_id": 1}}')
            came.append(json.loads(await socket.recv())["type"])
        await socket.send('{"type": "agent_response", "agent_response_event": {"agent_response": "Hello."}}')
        came.append(json.loads(await socket.recv())["type"])
        await socket.close(1000)

    async with serve(greet, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()[:2]
        await Conversation(lambda who, text: None).run(f"ws://{host}:{port}/", typing("Hello?"))
    assert came == ["pong", "pong", "user_message"]


async def test_nobody_there_is_told_plainly() -> None:
    """Without the address."""
    with pytest.raises(Unavailable) as refused:
        await Conversation(lambda who, text: None).run("ws://127.0.0.1:9/?conversation_signature=cvtkn_1", typing())
    assert "cvtkn" not in str(refused.value)


def test_a_transcript_moves_no_cursor() -> None:
    """Whoever wrote the memories, or speaks through them."""
    assert shown("\x1b]0;owned\x07Hello\x9b2J\u202e you\n") == "]0;ownedHello2J you"


def test_what_a_tool_is_asked_is_anybodys_words() -> None:
    """Of whatever kind."""
    tool = Shown(Album(None, [Photo("1", "5", Path("x"))]), Script("A", "en", as_json=True)).show_photo
    odd: list[Mapping[str, Any]] = [{"subject": 5}, {"subject": None}, {"subject": ["x"]}, {"subject": "x" * 10_000}]
    for parameters in odd:
        assert tool(parameters)
