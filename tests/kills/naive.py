"""The saga that everybody writes first: post, write down what was answered, and after a crash post what isn't there.

    PYTHONPATH=tests python -m kills.naive FOLDER URL KEY

It goes through the same campaign as Storykeeper to show that the campaign finds what is made twice. `wanted.json` says
what to make; each answer becomes a line of `made.jsonl`, on the disk before anything else is asked for.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from kills.remote import CREATES

AGAIN_SECONDS = 0.3
Post = Callable[[], Awaitable[httpx.Response]]


@dataclass(frozen=True)
class Saga:
    folder: Path
    http: httpx.AsyncClient

    async def run(self) -> None:
        """Everything that is wanted, as it comes to be wanted."""
        begun: set[str] = set()
        async with asyncio.TaskGroup() as tasks:
            while True:
                wanted = json.loads((self.folder / "wanted.json").read_text())
                for companion in wanted:
                    if companion["marker"] not in begun:
                        begun.add(companion["marker"])
                        tasks.create_task(self.companion(companion))
                await asyncio.sleep(AGAIN_SECONDS)

    async def companion(self, wanted: dict[str, Any]) -> None:
        pieces = [self.voice(wanted), *(self.document(wanted, memory) for memory in wanted["memories"])]
        voice, *documents = await asyncio.gather(*pieces)
        knowledge = [{"type": "text", "name": d, "id": d} for d in documents]
        config = {"agent": {"prompt": {"knowledge_base": knowledge}}, "tts": {"voice_id": voice}}
        body = {"name": wanted["name"], "tags": [wanted["marker"]], "conversation_config": config}
        await self.made(wanted, "agent", "", lambda: self.http.post(CREATES["agent"], json=body))

    async def voice(self, wanted: dict[str, Any]) -> str:
        form = {"name": wanted["name"], "description": f"[{wanted['marker']}]"}
        file = Path(wanted["recording"]).read_bytes()
        files = {"files": ("r.wav", file)}
        return await self.made(wanted, "voice", "", lambda: self.http.post(CREATES["voice"], data=form, files=files))

    async def document(self, wanted: dict[str, Any], memory: str) -> str:
        slot = f"{wanted['marker']}.{Path(memory).stem}"
        body = {"name": f"{slot} A memory", "text": Path(memory).read_text()}
        return await self.made(wanted, "document", slot, lambda: self.http.post(CREATES["document"], json=body))

    async def made(self, wanted: dict[str, Any], kind: str, slot: str, post: Post) -> str:
        """Its id, from what was written down, or from as many requests as it takes."""
        for row in recorded(self.folder):
            if (row["marker"], row["kind"], row["slot"]) == (wanted["marker"], kind, slot):
                return row["id"]
        answer = await self.insist(post)
        id = next(answer[field] for field in ("voice_id", "agent_id", "id") if field in answer)
        row = {"marker": wanted["marker"], "kind": kind, "slot": slot, "id": id}
        with (self.folder / "made.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")
            file.flush()
            os.fsync(file.fileno())
        return id

    async def insist(self, post: Post) -> dict[str, Any]:
        while True:
            try:
                return (await post()).raise_for_status().json()
            except httpx.HTTPError:
                await asyncio.sleep(AGAIN_SECONDS)


def recorded(folder: Path) -> list[dict[str, Any]]:
    """What was written down, but for a line that a crash left half-written."""
    path = folder / "made.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


async def main(folder: str, url: str, key: str) -> None:
    async with httpx.AsyncClient(base_url=url, headers={"xi-api-key": key}, timeout=30) as http:
        await Saga(Path(folder), http).run()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
