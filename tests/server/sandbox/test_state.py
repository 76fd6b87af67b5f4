"""One file, several sandboxes."""

from __future__ import annotations

import copy
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from judged import build
from storykeeper_server.sandbox.serving import serving
from storykeeper_server.sandbox.state import State

WRITER = """
import sys
from pathlib import Path
from storykeeper_server.sandbox.state import State
state = State(Path(sys.argv[1]))
for _ in range(200):
    with state.rows("w") as rows:
        counter = rows.get("counter", "c") or {"n": 0}
        rows.put("counter", "c", {"n": counter["n"] + 1})
"""


def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    """Four processes open one new file and count in it."""
    path = tmp_path / "sandbox.db"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path)]) for _ in range(4)]
    codes = [writer.wait(timeout=60) for writer in writers]

    with State(path).rows("w") as rows:
        assert rows.get("counter", "c") == {"n": 800}
    assert codes == [0, 0, 0, 0]


@pytest.mark.anyio
async def test_who_reads_waits_for_no_writer_and_who_writes_not_for_long(
    tmp_path: Path, recording: Callable[[float], bytes]
) -> None:
    """Another process is in the middle of a change; what it changed isn't seen yet."""
    path = tmp_path / "sandbox.db"
    transport = httpx.ASGITransport(build(State(path, busy_seconds=0.01)))
    base, agents = "/v1/convai/knowledge-base", "/v1/convai/agents"
    headers = {"xi-api-key": "sandbox"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        await client.get("/v1/user")  # opens the account
        document = (await client.post(f"{base}/text", json={"text": "Born in Cork."})).json()["id"]
        agent = (await client.post(f"{agents}/create", json={"conversation_config": {}})).json()["agent_id"]
        sample = {"files": ("a.wav", recording(1.0))}
        voice = (await client.post("/v1/voices/add", data={"name": "Dot"}, files=sample)).json()["voice_id"]
        reads = [
            "/v1/user",
            "/v1/user/subscription",
            "/v2/voices",
            f"/v1/voices/{voice}",
            f"/v1/voices/{voice}/settings",
        ]
        reads += [agents, f"{agents}/{agent}", f"{agents}/{agent}/widget", f"{agents}/{agent}/link"]
        reads += [base, f"{base}/{document}", f"{base}/{document}/content", f"{base}/{document}/dependent-agents"]
        reads += [f"{base}/{document}/rag-index", f"{base}/rag-index", f"{base}/search?query=cork", "/_sandbox"]
        reads += ["/v1/convai/conversations", "/v1/convai/settings", "/v1/workspace/webhooks", "/_sandbox/warnings"]
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            other.execute("DELETE FROM rows")
            read = {url: (await client.get(url)).status_code for url in reads}
            written = await client.post(f"{base}/text", json={"text": "x"})
            other.execute("ROLLBACK")
        after = await client.post(f"{base}/text", json={"text": "x"})

    assert read == dict.fromkeys(reads, 200)
    assert (written.status_code, written.json()["detail"]["code"]) == (503, "service_unavailable")
    assert after.status_code == 200


@pytest.mark.anyio
async def test_the_last_slot_is_given_once(tmp_path: Path, recording: Callable[[float], bytes]) -> None:
    """Two sandboxes on one file, each asked for more voices than there is room for."""
    apps = [build(State(tmp_path / "sandbox.db"), plan="starter") for _ in range(2)]
    codes: list[int] = []

    async def clone(client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/voices/add", data={"name": "x"}, files={"files": ("a.wav", recording(1.0))})
        codes.append(answer.status_code)

    headers = {"xi-api-key": "sandbox"}
    async with (
        serving(apps[0]) as one,
        serving(apps[1]) as two,
        httpx.AsyncClient(base_url=one, headers=headers) as first,
        httpx.AsyncClient(base_url=two, headers=headers) as second,
    ):
        async with anyio.create_task_group() as group:
            for client in (first, second) * 8:
                group.start_soon(clone, client)
        subscription = (await second.get("/v1/user/subscription")).json()

    assert sorted(codes) == [200] * 10 + [400] * 6
    assert (subscription["voice_slots_used"], subscription["voice_add_edit_counter"]) == (10, 10)


def test_the_file_is_private_and_holds_no_key(tmp_path: Path) -> None:
    """Only its owner can read it, and keys are digests."""
    path = tmp_path / "sandbox.db"
    app = build(State(path), keys=["a-very-secret-key"])

    async def use() -> None:
        transport = httpx.ASGITransport(app)
        headers = {"xi-api-key": "a-very-secret-key"}
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
            assert (await client.get("/v1/user")).status_code == 200

    anyio.run(use)
    files = list(tmp_path.iterdir())

    assert path in files
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)
    assert not any(b"a-very-secret-key" in file.read_bytes() for file in files)


def test_a_transaction_that_fails_leaves_nothing() -> None:
    """Both rows, or none."""
    state = State(None)

    def fail() -> None:
        with state.rows("w") as rows:
            rows.put("kind", "one", {})
            assert len(rows.all("kind")) == 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    with state.rows("w") as rows:
        assert rows.all("kind") == []


def test_a_list_shows_what_another_process_wrote(tmp_path: Path) -> None:
    """Though what was read before is remembered: here by two stores on one file."""
    here, there = State(tmp_path / "sandbox.db"), State(tmp_path / "sandbox.db")
    shown: list[list[dict[str, int]]] = []
    for number in (1, 2):
        with there.rows("w") as rows:
            rows.put("kind", "one", {"n": number})
        with here.rows("w") as rows:
            shown.append(rows.all("kind"))
    with there.rows("w") as rows:
        rows.drop("kind", "one")
    with here.rows("w") as rows:
        shown.append(rows.all("kind"))

    assert shown == [[{"n": 1}], [{"n": 2}], []]


@pytest.mark.parametrize(
    "change",
    [
        lambda row: row.update(n=1),
        lambda row: row["tags"].append("b"),
        lambda row: row["tags"].__setitem__(slice(None), []),
        lambda row: row["inner"].pop("x"),
        lambda row: row["inner"]["lists"][0].clear(),
        lambda row: row["inner"].__ior__({"x": 2}),
    ],
)
def test_a_row_of_a_list_can_not_be_changed(change: Callable[[dict[str, Any]], object]) -> None:
    """Others read the same one; a copy can be changed, and so can a single row."""
    state = State(None)
    original = {"n": 0, "tags": ["a"], "inner": {"x": 1, "lists": [["deep"]]}}
    with state.rows("w") as rows:
        rows.put("kind", "one", original)
        [shared] = rows.all("kind")
        with pytest.raises(TypeError, match="shared by all who read"):
            change(shared)
        change(copy.deepcopy(shared))
        change(rows.get("kind", "one") or {})

        assert rows.all("kind") == [shared] == [original]


def test_an_unknown_plan_is_refused() -> None:
    """The message names those that there are."""
    with pytest.raises(ValueError, match="free, starter, creator, pro"):
        build(State(None), plan="imperial")


def test_importing_the_application_stays_light() -> None:
    """No decoder, no client and no protocol is imported before it is needed."""
    check = "import sys, storykeeper_server.sandbox.app; print({'av', 'numpy', 'httpx', 'mcp'} & {*sys.modules})"
    answer = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "set()"


def test_a_clock_that_was_moved_stays_so(tmp_path: Path) -> None:
    """A file that is opened again is not in the past of what is in it."""
    first = State(tmp_path / "state.sqlite")
    first.ahead = 3_600
    first.close()
    second = State(tmp_path / "state.sqlite")

    assert second.ahead == 3_600
    assert State(None).ahead == 0
    second.close()
