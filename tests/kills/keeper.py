"""Storykeeper as it goes through the campaign: asked through its tools, carried by `storykeeper worker`."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from kills.contestants import Boundaries, Boundary, Made
from kills.people import Person, Wish
from kills.remote import CREATES
from storykeeper_server.wiring import Storykeeper, wire
from storykeeper_tools.companion.spec import parse
from storykeeper_tools.files import allow
from storykeeper_tools.provisioning.plan import Draft
from storykeeper_tools.settings import read

CLI = (sys.executable, "-m", "storykeeper_server")
BOUNDARIES: Boundaries = {
    "make": [(event, kind) for kind in CREATES for event in ("intend", "made")],
    "change": [("change", "agent"), ("changed", "agent"), ("delete", "document"), ("deleted", "document")],
    "forget": [(event, kind) for kind in CREATES for event in ("delete", "deleted")],
}


@dataclass
class Keeper:
    """`wishes` are the newest of everybody; `ids` and `known` are the ids and the markers of their companions."""

    folder: Path
    url: str
    database: str = ""
    wishes: dict[str, tuple[Wish, Person]] = field(default_factory=dict[str, "tuple[Wish, Person]"])
    ids: dict[str, str] = field(default_factory=dict[str, str])
    known: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def boundaries(self) -> Boundaries:
        return BOUNDARIES

    def submit(self, wish: Wish, person: Person) -> None:
        self.wishes[person.name] = wish, person
        asyncio.run(self._submit(person))

    def work(self, key: str, log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as file:
            return subprocess.Popen([*CLI, "worker"], env=self._environ(key), stdout=file, stderr=file)

    def entries(self) -> list[tuple[str, Boundary]]:
        rows = self._rows("SELECT chain, body FROM journal ORDER BY chain, seq")
        bodies = [(chain, json.loads(body)) for chain, body in rows]
        return [(chain, (body["event"], body["kind"])) for chain, body in bodies]

    def marker(self, person: Person) -> str:
        return self.known[person.name]

    def unfinished(self) -> set[str]:
        states = dict(self._rows("SELECT plan, state FROM runs"))
        known = [json.loads(body) for (body,) in self._companions()]
        undone = {companion["marker"] for companion in known if states.get(companion["plan_id"]) != "done"}
        going = {"keep-" + plan.removeprefix("forget_") for plan, state in states.items() if state != "done"}
        return undone | {marker for marker in going if marker in self.known.values()}

    def insist(self) -> list[str]:
        rows = [json.loads(body) for (body,) in self._rows("SELECT body FROM runs WHERE state IN ('failed', 'parked')")]
        # What was taken the place of, by a newer plan or by a forgetting, isn't asked for again.
        current = [row for row in rows if row["plan_id"] in self._plans() and row["result"] and row["result"]["error"]]
        for name in {self._whose(row) for row in current}:
            asyncio.run(self._submit(self.wishes[name][1]))
        errors = [row["result"]["error"] for row in current]
        return [f"{row['state']}: {e['code']}, {e['what']}" for row, e in zip(current, errors, strict=True)]

    def markers(self) -> set[str]:
        return {self.known[name] for name, (wish, _) in self.wishes.items() if wish != "forget"}

    def made(self) -> set[Made]:
        return set(self._rows("SELECT marker, kind, remote_id FROM resources WHERE state = 'made'"))

    def differing(self) -> set[str]:
        return asyncio.run(self._differing())

    def intact(self) -> bool:
        command = [*CLI, "verify", "--json"]
        told = subprocess.run(command, env=self._environ("sandbox"), capture_output=True, check=False)
        return told.returncode == 0 and json.loads(told.stdout) == {"intact": True, "faults": []}

    def close(self) -> None:
        self._looked.close()

    async def _submit(self, person: Person) -> None:
        wish, _ = self.wishes[person.name]
        async with self._opened() as keeper:
            if wish == "forget":
                await self._forget(keeper, self.ids[person.name])
                return
            draft = await self._planned(keeper, wish, person)
            if draft.questions:
                await keeper.companions.record_consent("self", person.name, draft.companion)
            self.ids[person.name] = draft.companion
            self.known[person.name] = keeper.companions.planner.known(draft.companion).marker
            await keeper.companions.provision_companion(draft.plan_id, wait_seconds=0)

    async def _forget(self, keeper: Storykeeper, companion: str) -> None:
        told = await keeper.retirement.retire_companion(companion, "forget", wait_seconds=0)
        if told.confirm:
            await keeper.retirement.retire_companion(companion, "forget", told.confirm, wait_seconds=0)

    async def _planned(self, keeper: Storykeeper, wish: Wish, person: Person) -> Draft:
        spec = parse(person.later if wish == "change" else person.spec, person.name)
        return await keeper.companions.plan_companion(spec)

    async def _differing(self) -> set[str]:
        found: set[str] = set()
        async with self._opened() as keeper:
            for name, (wish, person) in self.wishes.items():
                draft = None if wish == "forget" else await self._planned(keeper, wish, person)
                if draft and any(step.action != "keep" for step in draft.steps):
                    found.add(self.known[name])
        return found

    def _plans(self) -> set[str]:
        """The plans that count: a forgetting, or the newest."""
        going = {self.known[name] for name, (wish, _) in self.wishes.items() if wish == "forget"}
        rows = [json.loads(body) for (body,) in self._companions()]
        newest = {row["plan_id"] for row in rows if row["marker"] not in going}
        return newest | {"forget_" + marker.removeprefix("keep-") for marker in going}

    def _companions(self) -> list[Any]:
        return self._rows("SELECT body FROM companions")

    def _whose(self, run: dict[str, Any]) -> str:
        """The name of the person that a run is about."""
        marker = "keep-" + run["plan_id"].removeprefix("forget_")
        names = [n for n in self.ids if run["companion"] == self.ids[n] or marker == self.known[n]]
        return names[0]

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Storykeeper]:
        """For asking only."""
        keeper = wire(read(self._environ("sandbox"), self.folder), files=allow([self.folder], base=self.folder))
        async with keeper.running(work=False):
            yield keeper

    def _environ(self, key: str) -> dict[str, str]:
        names = ("PATH", "HOME", "PYTHONPATH", "COVERAGE_PROCESS_START")
        kept = {name: os.environ[name] for name in names if name in os.environ}
        more = {"STORYKEEPER_DATABASE_URL": self.database} if self.database else {}
        ours = {"STORYKEEPER_HOME": str(self.folder / "home"), "STORYKEEPER_ELEVENLABS_URL": self.url}
        return {**kept, **more, **ours, "ELEVENLABS_API_KEY": key}

    def _rows(self, statement: str) -> list[Any]:
        return self._looked.execute(statement).fetchall()

    @cached_property
    def _looked(self) -> Any:
        """A connection that only reads."""
        if self.database:
            looked = psycopg.connect(self.database, autocommit=True)
            [(schema,)] = looked.execute("SELECT schemaname FROM pg_tables WHERE tablename = 'journal'").fetchall()
            looked.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(schema)))
            return looked
        [file] = self.folder.glob("home/*/storykeeper.sqlite")
        return sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)
