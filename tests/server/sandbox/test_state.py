"""One file, several sandboxes."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox", headers=headers) as client:
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
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    with state.rows("w") as rows:
        assert rows.all("kind") == []


def test_an_unknown_plan_is_refused() -> None:
    """The message names those that there are."""
    with pytest.raises(ValueError, match="free, starter, creator, pro"):
        build(State(None), plan="imperial")


def test_importing_the_application_stays_light() -> None:
    """No decoder, no client and no protocol is imported before it is needed."""
    check = "import sys, storykeeper_server.sandbox.app; print({'av', 'numpy', 'httpx', 'mcp'} & {*sys.modules})"
    answer = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "set()"
