"""ADK's own ways in, as real processes: `adk web` and `adk run`, from a clean clone with no key."""

from __future__ import annotations

from pathlib import Path

import anyio
import httpx
import pytest

from adk import AGENT, NAME, ROOT, Visit, command, environ, listening

pytestmark = pytest.mark.anyio
WISH = "Make a companion of my grandmother Dorothy from examples/dorothy."


async def test_adk_web_asks_and_is_answered_over_http(tmp_path: Path, free_tcp_port: int) -> None:
    """From a sentence through each pause to a companion; a single tool that writes asks too; two at once don't
    meet; and words stream."""
    async with listening("web", tmp_path, free_tcp_port) as http:
        assert (await http.get("/list-apps")).json() == [NAME]
        visit = Visit(http, "anna")
        await visit.open()
        await visit.say(WISH)
        for kind, value in (("visitors", "the family"), ("consent", "yes"), ("confirm", True)):
            assert visit.asked.startswith(kind), visit.events
            assert visit.pause
            assert visit.pause["args"]["message"] in visit.said
            await visit.answer(value)
        made = visit.outcome("make_companion")["companion"]
        assert made["status"] == "done"
        assert made["companion"] in visit.said

        await visit.say(f"Rehearse {made['companion']}.")
        assert visit.pause, visit.events
        assert visit.pause["name"] == "adk_request_confirmation"
        assert made["companion"] in visit.pause["args"]["toolConfirmation"]["hint"]
        await visit.answer(True)
        assert "told" in visit.outcome("rehearse_companion")

        await two_people(http)
        await visit.streamed("How much quota is left?")
        assert "told" in visit.outcome("check_quota")
        assert any(event.get("partial") and event["content"]["parts"][0]["text"] for event in visit.events)


async def two_people(http: httpx.AsyncClient) -> None:
    """One tool server serves both; a pause, an answer and an outcome stay with whom they belong to."""
    anna, ben = Visit(http, "anna"), Visit(http, "ben")
    async with anyio.create_task_group() as both:
        both.start_soon(anna.open)
        both.start_soon(ben.open)
    async with anyio.create_task_group() as both:
        both.start_soon(anna.say, WISH.replace("grandmother Dorothy", "uncle Paul"))
        both.start_soon(ben.say, WISH.replace("grandmother Dorothy", "aunt Rosa"))
    assert [visit.asked.split("-")[0] for visit in (anna, ben)] == ["visitors paul", "visitors rosa"]
    async with anyio.create_task_group() as both:
        both.start_soon(anna.answer, "family")
        both.start_soon(ben.answer, "family")
    async with anyio.create_task_group() as both:
        both.start_soon(anna.answer, "no")
        both.start_soon(ben.answer, "yes")
    assert anna.outcome("make_companion")["error"]["code"] == "needs_consent"
    assert ben.asked.startswith("confirm")


async def test_adk_run_prints_what_it_asks(tmp_path: Path) -> None:
    """In one shot it ends there, and says how it is answered."""
    run = command("run", "--session_service_uri", f"sqlite:///{tmp_path}/session.db", "--session_id", "s1", AGENT)
    done = await anyio.run_process([*run, WISH], env=environ(tmp_path), cwd=ROOT, check=False)
    assert "Who will talk" in done.stdout.decode(), done.stderr.decode()
    assert "--session_id s1" in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


async def test_adk_run_is_a_conversation_too(tmp_path: Path) -> None:
    """Sentences and answers come in on standard input; nothing of ours is a warning."""
    said = f"{WISH}\nfamily\nyes\nno\nHow much quota is left?\nexit\n"
    run = command("run", "--in_memory", AGENT)
    done = await anyio.run_process(run, input=said.encode(), env=environ(tmp_path), cwd=ROOT, check=False)
    told = done.stdout.decode()
    assert done.returncode == 0, done.stderr.decode()
    for part in ("Has Dorothy agreed", "Shall I go ahead", "creator"):
        assert part in told, told
    assert str(AGENT) not in done.stderr.decode()
