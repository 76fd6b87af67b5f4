"""Each snippet as it is printed, put on a site that is made with our other snippets, and visited in Chromium."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import numpy as np
import pytest

import clients
import sounds
from outside import Event, Show, need, only, session
from processes import PATIENCE, Place, place
from stage import EXAMPLE
from storykeeper_server.grammar import EMBEDDED
from storykeeper_server.talk.embedding import SNIPPETS, snippet, text

pytestmark = pytest.mark.anyio
NAME = 'Dorothy "Dot" O\'Neill &amp; \\'
PACKAGES = str(clients.FOLDER / "node_modules")
CLOCK = "What did the family call the clock?"
NOTICE = "You will be talking to an AI"
# The pattern of the widget's orb; it works without.
PICTURE = "https://storage.googleapis.com/eleven-public-cdn/images/perlin-noise.png"
REACT = """
import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { Companion } from "./Companion.jsx";
function Site() {
  const [open, setOpen] = useState(true);
  return <>{open ? <Companion name="Dot" /> : <p>Another page</p>}<button onClick={() => setOpen(false)}>Leave</button></>;
}
createRoot(document.getElementById("site")).render(<StrictMode><Site /></StrictMode>);
"""


@pytest.fixture(scope="module", autouse=True)
def _there() -> None:
    need("node", "chromium")


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with place(tmp_path_factory.mktemp("home")) as here:
        yield here


@pytest.fixture(scope="module")
def companion(here: Place) -> str:
    files = ["--audio", str(EXAMPLE / "recording.mp3"), "--memories", str(EXAMPLE / "memories")]
    made = here.run("provision", "--name", NAME, *files, "--consent", "self", "--yes")
    return made["companion"]


def printed(here: Place, kind: str, companion: str) -> str:
    """What the command prints."""
    with here.start("talk", "--embed", kind, companion) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    return out


@contextmanager
def site(here: Place, folder: Path, kind: str, companion: str) -> Iterator[str]:
    """A server that is the printed snippet, as its first lines say to start it; what lies in public/ are its pages."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (folder / f"{kind}_app.py").write_text(printed(here, kind, companion))
    started = {
        "flask": [sys.executable, "-m", "flask", "--app", "flask_app", "run", "--port", str(port)],
        "fastapi": [sys.executable, "-m", "uvicorn", "fastapi_app:app", "--port", str(port), "--log-level", "warning"],
    }
    origin = f"http://127.0.0.1:{port}"
    more = {"SITE": origin, "INVITATION": "please-come", "SECRET_KEY": "not-for-real"}
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(started[kind], cwd=folder, env={**here.env, **more}, stdout=log, stderr=log)
        try:
            _wait(origin, process, folder)
            yield origin
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _wait(origin: str, process: subprocess.Popen[bytes], folder: Path) -> None:
    for _ in range(PATIENCE * 20):
        assert process.poll() is None, (folder / "log.txt").read_text()
        try:
            httpx.get(origin, timeout=1)
        except httpx.TransportError:
            process.poll()
        else:
            return
    raise AssertionError("the site doesn't start")


async def visit(here: Place, home: Path, steps: list[Event], show: Show) -> list[Event]:
    """With a microphone that hears nothing; unpkg is the locked packages, and the service's address the sandbox."""
    silence = home / "silence.wav"
    silence.write_bytes(sounds.wav(np.zeros(5 * 16_000, np.float32), 16_000))
    sandbox = str(here.http.base_url).rstrip("/")
    elsewhere = {
        "https://unpkg.com/@elevenlabs/convai-widget-embed@0.5.4/": f"{PACKAGES}/@elevenlabs/convai-widget-embed/",
        "https://unpkg.com/@elevenlabs/client@1.25.0/": f"{PACKAGES}/@elevenlabs/client/",
        "https://api.us.elevenlabs.io/": f"{sandbox}/",
    }
    given = {"chromium": clients.chromium(), "microphone": str(silence), "elsewhere": elsewhere, "steps": steps}
    return await session("embed.mjs", given, home, show)


def kept(here: Place) -> Any:
    """The last conversation, once it has ended."""
    headers = {"xi-api-key": "sandbox"}
    for _ in range(200):
        [last, *_] = here.http.get("/v1/convai/conversations", headers=headers).json()["conversations"]
        found = here.http.get(f"/v1/convai/conversations/{last['conversation_id']}", headers=headers).json()
        if found["status"] in {"done", "failed"}:
            return found
    raise AssertionError("it never ended")


def leaks(events: list[Event], folder: Path) -> list[str]:
    """Where a signature is left: in the page, its address, or what the server logs."""
    [left] = only(events, "left")
    return [*left["signature"], *(["log"] if "cvtkn_" in (folder / "log.txt").read_text() else [])]


async def test_the_widget_on_a_site_in_flask(
    here: Place, companion: str, tmp_path: Path, record_property: Show
) -> None:
    """A visitor who wasn't invited is told so; one who was talks by voice, and writes."""
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "page.html").write_text(printed(here, "html", companion))
    with site(here, tmp_path, "flask", companion) as origin:
        steps = [
            {"go": f"{origin}/page.html"},
            {"shown": f"It isn't {NAME}"},
            {"click": "Talk"},
            {"shown": "Only people who were let in may talk here."},
            {"send": "/invitation/wrong"},
            {"click": "Talk"},
            {"shown": "Only people who were let in may talk here."},
            {"send": "/invitation/please-come"},
            {"click": "Talk"},
            {"click": "Start a call"},
            {"shown": "I'm an AI companion made from"},
            {"write": CLOCK},
            {"shown": "Liar"},
            {"click": "End"},
            {"shown": "You ended the conversation"},
        ]
        events = await visit(here, tmp_path, steps, record_property)
    assert {event["url"] for event in only(events, "outside")} <= {PICTURE}
    [conversation] = [kept(here)]
    assert (conversation["metadata"]["authorization_method"], conversation["metadata"]["text_only"]) == (
        "signed_url",
        False,
    )
    assert leaks(events, tmp_path) in (
        [],
        ["page"],
    )  # the widget keeps it in its attribute, where only the page sees it


async def test_a_voice_card_on_a_site_in_flask(
    here: Place, companion: str, tmp_path: Path, record_property: Show
) -> None:
    """By typing without a microphone, then by voice; when it is stopped the microphone is closed."""
    (tmp_path / "public").mkdir()
    (tmp_path / "public" / "card.html").write_text(printed(here, "card", companion))
    with site(here, tmp_path, "flask", companion) as origin:
        steps = [
            {"go": f"{origin}/card.html"},
            {"shown": NOTICE},
            {"send": "/invitation/please-come"},
            {"click": "Type instead"},
            {"shown": f"{NAME} (AI): Hello"},
            {"write": CLOCK},
            {"shown": "Liar"},
            {"click": "Stop"},
            {"shown": "The talk is over"},
            {"click": "Talk"},
            {"shown": "Speaking"},
            {"click": "Stop"},
            {"shown": "The talk is over"},
        ]
        events = await visit(here, tmp_path, steps, record_property)
    assert only(events, "outside") == []
    [microphones] = only(events, "microphones")
    assert set(microphones["states"]) == {"ended"}
    assert kept(here)["metadata"]["text_only"] is False
    assert leaks(events, tmp_path) == []


async def test_the_react_component_on_a_site_in_fastapi(
    here: Place, companion: str, tmp_path: Path, record_property: Show
) -> None:
    """Typed and spoken; whoever leaves the page in the midst of a talk has ended it."""
    (tmp_path / "public").mkdir()
    (tmp_path / "Companion.jsx").write_text(printed(here, "react", companion))
    (tmp_path / "site.jsx").write_text(REACT)
    (tmp_path / "public" / "index.html").write_text(
        '<!doctype html><div id="site"></div><script src="site.js"></script>'
    )
    bundle = [str(clients.FOLDER / "node_modules" / ".bin" / "esbuild"), "site.jsx", "--bundle", "--jsx=automatic"]
    env = {**os.environ, "NODE_PATH": PACKAGES}
    await anyio.run_process([*bundle, "--outfile=public/site.js"], cwd=tmp_path, env=env)
    with site(here, tmp_path, "fastapi", companion) as origin:
        steps = [
            {"go": f"{origin}/"},
            {"shown": NOTICE},
            {"click": "Type instead"},
            {"shown": "Only people who were let in may talk here."},
            {"send": "/invitation/please-come"},
            {"click": "Type instead"},
            {"shown": "Dot (AI): Hello"},
            {"write": CLOCK},
            {"shown": "Liar"},
            {"click": "Stop"},
            {"gone": "Send"},
            {"click": "Talk"},
            {"shown": "Speaking"},
            {"click": "Leave"},
            {"shown": "Another page"},
        ]
        events = await visit(here, tmp_path, steps, record_property)
        conversation = kept(here)
    assert only(events, "outside") == []
    [microphones] = only(events, "microphones")
    assert set(microphones["states"]) == {"ended"}
    assert conversation["metadata"]["text_only"] is False
    assert leaks(events, tmp_path) == []


def test_every_kind_of_snippet_is_offered() -> None:
    """On the command line as over MCP."""
    assert tuple(SNIPPETS) == EMBEDDED


@pytest.mark.parametrize("kind", SNIPPETS)
def test_a_snippet_is_whole_and_pinned(kind: str) -> None:
    """With the companion in it, without anything of a public agent, and what it loads in one version only."""
    made = snippet(kind, "dorothy-1a2b", 'A</script>"')
    assert ("COMPANION_ID" not in made, "COMPANION_NAME" not in made) == (True, True)
    assert "A</script>" not in made
    assert "dorothy-1a2b" in made
    assert "agent-id" not in text(kind)
    assert "agentId" not in text(kind)
    for line in made.splitlines():
        if "https://unpkg.com" in line:
            assert "@elevenlabs/" in line
            assert line.count("@") == 2
    assert made.count("https://unpkg.com") == made.count("sha384-")
