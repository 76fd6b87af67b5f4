"""The WebSocket `/v1/convai/conversation`: from the handshake to what is kept and told afterwards."""

from __future__ import annotations

import asyncio
import logging

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from .. import account
from ..envelopes import Refusal
from ..knowledge import rag
from ..routing import Setup
from ..state import Row
from ..voices import voice_store
from . import post_call, tailoring
from .admission import Visit, admit
from .ending import INTERNAL, POLICY, Ended
from .frames import Init, metadata
from .line import Line
from .record import Record
from .session import Session
from .tape import mp3

_INIT_SECONDS = 10.0
_LOG = logging.getLogger(__name__)


async def converse(socket: WebSocket) -> None:
    """WS /v1/convai/conversation"""
    setup: Setup = socket.app.state.setup
    # The official browser client fails unless its subprotocol is chosen; the Python client offers none.
    await socket.accept("convai" if "convai" in socket.scope["subprotocols"] else None)
    line = Line(socket, setup.state)
    try:
        visit = admit(setup, socket)
        init = tailoring.normal(await _first(line), setup.switches)
        settings = _settings(setup, visit, init)
    except Ended as end:
        await line.close(end)
        return
    await _talk(setup, line, visit, init, settings)


async def _first(line: Line) -> Init:
    try:
        async with asyncio.timeout(_INIT_SECONDS):
            frame = await line.receive()
    except TimeoutError as error:
        raise Ended(POLICY, "No conversation_initiation_client_data was received.") from error
    if not isinstance(frame, Init):
        raise Ended(POLICY, "The first message must be conversation_initiation_client_data.")
    return frame


def _settings(setup: Setup, visit: Visit, init: Init) -> Row:
    settings = tailoring.tailor(visit.agent["settings"], init, setup.switches)
    config = settings["conversation_config"]
    facts = tailoring.system_facts(visit.agent["id"], visit.conversation, setup.clock())
    values = tailoring.variables(settings, init, facts, setup.switches)
    agent = config["agent"]
    agent["first_message"] = tailoring.filled(agent["first_message"], values)
    agent["prompt"]["prompt"] = tailoring.filled(agent["prompt"]["prompt"], values)
    if not config["conversation"]["text_only"]:
        try:
            with setup.state.reading(visit.workspace) as rows:
                voice_store.usable(rows, config["tts"]["voice_id"])
        except Refusal as error:
            raise Ended(POLICY, str(error)) from error
    return settings


async def _talk(setup: Setup, line: Line, visit: Visit, init: Init, settings: Row) -> None:
    config = settings["conversation_config"]
    text_only = config["conversation"]["text_only"]
    line.events = frozenset(config["conversation"]["client_events"])
    with setup.state.reading(visit.workspace) as rows:
        sources = rag.documents(rows, settings)
        credits = account.left(rows, setup.plan, setup.clock())
    record = Record(setup, visit, init, text_only=text_only, language=config["agent"]["language"])
    session = Session(setup, line, record, settings, sources)
    end: Ended = Ended(INTERNAL, "The sandbox was stopped.")
    try:
        formats = config["tts"]["agent_output_audio_format"], config["asr"]["user_input_audio_format"]
        await line.send(metadata(visit.conversation, *formats))
        end = await session.run(credits)
        await line.close(end)
    except Ended as gone:
        end = gone
    except Exception:  # the edge: whatever broke, the client gets the service's code, and the next one is served
        _LOG.exception("a conversation broke")
        end = Ended(INTERNAL, "The sandbox failed; this is a bug.")
        await line.close(end)
    finally:
        await _conclude(setup, visit, session, record, end)


async def _conclude(setup: Setup, visit: Visit, session: Session, record: Record, end: Ended) -> None:
    keeps = visit.agent["settings"]["platform_settings"]["privacy"]["record_voice"]
    user, agent = session.tapes
    recorded = keeps and bool(user.pcm or agent.pcm)
    audio = await asyncio.to_thread(mp3, user, agent) if recorded else None
    record.close(end, session.cost, audio, (bool(user.pcm), bool(agent.pcm)))
    with setup.state.rows(visit.workspace) as rows:
        spent = min(session.cost, account.left(rows, setup.plan, setup.clock()))
        account.charge(rows, setup.plan, setup.clock(), spent)
    await post_call.deliver(setup, visit.workspace, visit.conversation)


ROUTES = [WebSocketRoute("/v1/convai/conversation", converse)]
