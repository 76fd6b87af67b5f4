"""Several MCP servers on one workspace, as when an assistant, an editor and another program each start their own."""

from __future__ import annotations

import re
import signal
import sys
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from hosts import Server, serving
from judged import build, served
from processes import PATIENCE, Place, place
from storykeeper_server.sandbox import auth
from storykeeper_server.sandbox.state import State

EXAMPLE = Path(__file__).parent.parent / "examples" / "dorothy"
RECORDING, MEMORIES = str(EXAMPLE / "recording.mp3"), str(EXAMPLE / "memories")
ENGINE = re.compile("sqlalchemy|psycopg")


def planned(server: Server, name: str) -> str:
    """A plan that may be carried out."""
    spec = {"subject": {"name": name}, "recordings": [RECORDING], "memories": [MEMORIES]}
    plan = server.call("plan_companion", spec=spec).content
    server.call("record_consent", companion=plan["companion"], kind="self", granted_by=name)
    return str(plan["plan_id"])


def loaded(server: Server) -> bool:
    """Whether it has loaded the engine, which brings libraries that the system maps."""
    return bool(ENGINE.search(Path(f"/proc/{server.process.pid}/maps").read_text()))


def carrier(here: Place, servers: list[Server]) -> Server:
    """The one that holds the workspace's place, as the system lists locks."""
    lock = next(here.home.glob("*/worker.lock")).stat().st_ino
    while True:
        held = re.findall(rf"FLOCK +ADVISORY +WRITE (\d+) [0-9a-f:]+:{lock} ", Path("/proc/locks").read_text())
        found = [server for server in servers if str(server.process.pid) in held]
        if found:
            return found[0]


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc who holds a lock")
def test_of_three_the_one_that_works_may_be_killed(tmp_path: Path) -> None:
    """All submit the same plan; another takes over in the middle of a clone, and the calls of those that live return."""
    with place(tmp_path, STORYKEEPER_FILES=str(EXAMPLE)) as here, ExitStack() as stack:
        servers = [stack.enter_context(serving(here)) for _ in range(3)]
        plan = planned(servers[0], "Dorothy")
        idle = [loaded(server) for server in servers]
        here.fault("POST /v1/voices/add blackhole-after-commit")
        calls = [(server, server.begin("provision_companion", plan_id=plan)) for server in servers]
        here.wait_for_fault(servers[0].process)

        working = carrier(here, servers)
        busy = [loaded(server) for server in servers]
        working.process.send_signal(signal.SIGKILL)
        answers = [server.answer(call) for server, call in calls if server is not working]
        count = here.count()
        intact = here.run("verify")["intact"]

    assert idle == [False, False, False]
    assert sorted(busy) == [False, False, True]
    assert [answer.content["status"] for answer in answers] == ["done", "done"]
    assert (count, intact) == ({"voice": 1, "document": 3, "agent": 1}, True)


def test_a_run_is_not_carried_on_under_another_accounts_key(tmp_path: Path) -> None:
    """Killed after everything was checked; who has another account's key makes nothing there, and the first finishes."""
    command = ("provision", str(EXAMPLE / "companion.yaml"), "--yes")
    state = State(None)
    with served(build(state, keys=["sandbox", "other"])) as url, httpx.Client(base_url=url) as http:
        here, other = Place(http, tmp_path), Place(http, tmp_path, {"ELEVENLABS_API_KEY": "other"})
        here.fault("POST /v1/voices/add blackhole-after-commit")
        with here.start(*command) as first:
            here.wait_for_fault(first)
            first.send_signal(signal.SIGKILL)
        with other.start("worker") as worker:
            _, refused = worker.communicate(timeout=PATIENCE)
        with other.start("mcp") as server:
            while (status := here.run("list")["companions"][0]["status"]) not in {"failed", "done"}:
                assert server.poll() is None, server.communicate()
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=PATIENCE)
        after = here.run(*command)
        count = here.count()
        with state.reading(auth.key("other").workspace) as rows:
            elsewhere = [rows.count(kind) for kind in count]

    assert (worker.returncode, "auth_invalid" in refused) == (5, True)
    assert (status, elsewhere) == ("failed", [0, 0, 0])
    assert (after["status"], count) == ("done", {"voice": 1, "document": 3, "agent": 1})


def test_three_that_plan_at_once_each_get_their_own(tmp_path: Path) -> None:
    """Different companions, planned and made side by side on a folder that none of them has seen before."""
    names = ["Ada", "Bea", "Cleo"]
    with place(tmp_path, STORYKEEPER_FILES=str(EXAMPLE)) as here, ExitStack() as stack:
        servers = [stack.enter_context(serving(here)) for _ in names]
        wishes = [{"subject": {"name": name}, "recordings": [RECORDING]} for name in names]
        plans = [server.begin("plan_companion", spec=wish) for server, wish in zip(servers, wishes, strict=True)]
        drawn = [server.answer(plan).content for server, plan in zip(servers, plans, strict=True)]
        for server, plan, name in zip(servers, drawn, names, strict=True):
            server.call("record_consent", companion=plan["companion"], kind="self", granted_by=name)
        calls = [
            server.begin("provision_companion", plan_id=plan["plan_id"])
            for server, plan in zip(servers, drawn, strict=True)
        ]
        done = [server.answer(call).content for server, call in zip(servers, calls, strict=True)]
        count = here.count()

    assert [view["status"] for view in done] == ["done"] * 3
    assert len({view["voice_id"] for view in done}) == 3
    assert count == {"voice": 3, "document": 0, "agent": 3}
