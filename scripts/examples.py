"""Print docs/examples.md: what an assistant calls and is told, and what a terminal shows, as it really is in the sandbox.

Everything runs: a server over stdio with a real client, and real commands. Only what differs from run to run is put into
one form: ids, tokens and times.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import TextContent

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "examples.md"
_FORMS = (
    (r"\bplan_[0-9a-f]{20}\b", "plan_5d0c52"),
    (r"\bconsent_[0-9a-f]{16}\b", "consent_8c1f"),
    (r"\breceipt_[0-9a-f]{16}\b", "receipt_e7e9"),
    (r"\bkeep-[0-9a-f]{20}\b", "keep-30b1c7"),
    (r"\bagent_[a-z0-9]{28}\b", "agent_1801k9"),
    (r"\bcvtkn_[0-9a-f]+", "cvtkn_d71f"),
    (r"\bentry \d+, [0-9a-f]{64}", "entry 23, 21772bed"),
    (r"(confirm[=:\" ]+)[0-9a-f]{20}\b", r"\1f0196e85"),
    (r"\b[A-Za-z0-9]{20}\b", "n7AUhwDS"),
    (r"\bdorothy-[0-9a-f]{4}\b", "dorothy-55ed"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:8765"),
    (r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", "2026-11-22T10:00:00+00:00"),
)
_FILES = "STORYKEEPER_FILES"


@dataclass
class Page:
    """The document as it grows."""

    lines: list[str] = field(default_factory=list[str])

    def say(self, text: str) -> None:
        self.lines += [text, ""]

    def show(self, kind: str, said: str, heard: str) -> None:
        self.lines += [f"```{kind}", uniform(said), uniform(heard.strip()), "```", ""]


@dataclass(frozen=True)
class Host:
    """An assistant that calls tools, and is told the text of their results."""

    client: Client
    page: Page

    async def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        result = await self.client.call_tool(name, arguments)
        [told] = [part.text for part in result.content if isinstance(part, TextContent)]
        said = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in arguments.items())
        self.page.show("text", f"> {name}({said})", told)
        return result.structured_content or {}


def uniform(text: str) -> str:
    """What differs from run to run in one form."""
    for pattern, form in _FORMS:
        text = re.sub(pattern, form, text)
    return text


@contextmanager
def computer() -> Generator[dict[str, str]]:
    """A person's own, with the example's files in the folder that may be read: its environment."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        shutil.copytree(ROOT / "examples" / "dorothy", home / "Storykeeper")
        kept = {name: os.environ[name] for name in ("PATH", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
        state, files = str(home / "state"), str(home / "Storykeeper")
        yield {**kept, "HOME": folder, "STORYKEEPER_HOME": state, _FILES: files, "STORYKEEPER_SANDBOX": "1"}


@asynccontextmanager
async def assistant(page: Page) -> AsyncGenerator[Host]:
    with computer() as environ:
        server = StdioServerParameters(command=sys.executable, args=["-m", "storykeeper_server", "mcp"], env=environ)
        async with Client(stdio_client(server)) as client:
            yield Host(client, page)


def typed(page: Page, environ: dict[str, str], command: str) -> None:
    """A command as somebody types it, with what it answers; how it went on the way isn't shown."""
    words = [sys.executable, "-m", "storykeeper_server", *shlex.split(command)]
    done = subprocess.run(words, env=environ, cwd=environ[_FILES], capture_output=True, text=True, check=False)
    page.show("console", f"$ storykeeper {command}", done.stdout or done.stderr)


async def made(page: Page) -> None:
    page.say('## 1. "Make a companion of my grandmother Dorothy from recording.mp3 and the notes in memories"')
    page.say("Said to an assistant that has Storykeeper. It looks first what there is:")
    async with assistant(page) as host:
        await host.call("check_quota")
        await host.call("inspect_recording", recordings=["recording.mp3"])
        page.say("Then it draws up a plan, which spends nothing, and shows it:")
        subject = {"name": "Dorothy", "relation": "grandmother"}
        spec = {"subject": subject, "recordings": ["recording.mp3"], "memories": ["memories"]}
        plan = await host.call("plan_companion", spec=spec)
        page.say("Nobody has said yet that the voice may be cloned, so the plan can't be carried out:")
        await host.call("provision_companion", plan_id=plan["plan_id"])
        page.say("The person is asked, and Dorothy herself agrees. Now it is made, in one call:")
        own = "Yes, for the family."
        await host.call("record_consent", companion=plan["companion"], kind="self", granted_by="Dorothy", statement=own)
        await host.call("provision_companion", plan_id=plan["plan_id"])
        page.say("Before anybody meets it, it is asked what visitors may ask. Then there is a link:")
        await host.call("rehearse_companion", companion=plan["companion"])
        await host.call("get_signed_url", of=plan["companion"])


def corrected(page: Page) -> None:
    page.say("## 2. In a terminal: made from a file, and corrected")
    page.say(
        "`--sandbox` makes nothing real, `--yes` agrees to what the plan spends. The file says whose consent there is."
    )
    with computer() as environ:
        typed(page, environ, "provision companion.yaml --yes --sandbox")
        page.say(
            "A correction outranks the memories, whose files are never edited. (To keep it in companion.yaml, write it there: the file says all.)"
        )
        wrong = "The cracked drawer is in Frank's house, not in Eileen's."
        typed(page, environ, f'provision Dorothy --correction "{wrong}" --yes --sandbox')
        page.say(
            "Said again, it changes nothing, and there is no second Dorothy. `--env` is for a program that goes on:"
        )
        typed(page, environ, f'provision Dorothy --correction "{wrong}" --yes --env --sandbox')


async def forgotten(page: Page) -> None:
    page.say('## 3. "Forget Dorothy"')
    page.say("The first call changes nothing: it says what would go, and gives a token that is good once.")
    async with assistant(page) as host:
        subject, consent = {"name": "Dorothy"}, {"kind": "self", "granted_by": "Dorothy"}
        spec = {"subject": subject, "recordings": ["recording.mp3"], "memories": ["memories/the-bakery-years.md"]}
        drawn = await host.client.call_tool("plan_companion", {"spec": spec})
        plan: dict[str, Any] = drawn.structured_content or {}
        await host.client.call_tool("record_consent", {"companion": plan["companion"], **consent})
        await host.client.call_tool("provision_companion", {"plan_id": plan["plan_id"]})
        asked = await host.call("retire_companion", companion=plan["companion"], action="forget")
        page.say("The person says yes to that very list:")
        confirm = asked["confirm"]
        await host.call("retire_companion", companion=plan["companion"], action="forget", confirm=confirm)
        page.say("And there is nobody any more to be asked:")
        await host.call("get_companion", companion=plan["companion"])


async def document() -> str:
    """The whole of docs/examples.md; the three don't wait for each other."""
    head, *parts = Page(), Page(), Page(), Page()
    head.say("# Three examples")
    head.say(
        "These are transcripts: `scripts/examples.py` had a real client and real commands do this in the sandbox, and a test"
        " compares. Ids, tokens and times differ from run to run and are put into one form here. The files are those of"
        " `examples/dorothy`, in the folder that the server may read. An assistant shows less of it, in its own words."
    )
    async with anyio.create_task_group() as group:
        group.start_soon(made, parts[0])
        group.start_soon(anyio.to_thread.run_sync, corrected, parts[1])
        group.start_soon(forgotten, parts[2])
    return "\n".join(line for page in (head, *parts) for line in page.lines).rstrip() + "\n"


if __name__ == "__main__":
    print(anyio.run(document), end="")
