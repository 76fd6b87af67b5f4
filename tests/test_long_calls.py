"""Calls that outlast whoever made them: nobody who gives up stops a run or doubles it, and each answer says what next."""

from __future__ import annotations

from pathlib import Path

import pytest

from hosts import serving
from processes import place

EXAMPLE = Path(__file__).parent.parent / "examples" / "dorothy"
ONE_OF_EACH = {"voice": 1, "document": 3, "agent": 1}


@pytest.mark.parametrize("leaving", ["cancelled", "pipe closed"])
def test_whoever_gives_up_in_the_middle_stops_nothing(tmp_path: Path, leaving: str) -> None:
    """A call that was cancelled is joined by the next one; after a closed pipe the next process goes on."""
    with place(tmp_path, STORYKEEPER_FILES=str(EXAMPLE)) as here:
        here.http.post("/_sandbox/faults", json="POST /v1/voices/add slow x1 seconds=2").raise_for_status()
        plan = here.run("plan", str(EXAMPLE / "companion.yaml"))["plan_id"]
        with serving(here) as server:
            companion = server.call("list_companions").content["companions"][0]["companion"]
            server.call("record_consent", companion=companion, kind="self", granted_by="Dorothy")
            call = server.begin("provision_companion", plan_id=plan)
            here.wait_for_fault(server.process)
            if leaving == "cancelled":
                server.tell("notifications/cancelled", requestId=call, reason="the client's patience is over")
                looked = server.call("get_companion", companion=companion)
                joined = server.call("provision_companion", plan_id=plan)
                assert (looked.content["status"], joined.content["status"]) == ("running", "done")
        assert server.process.returncode == 0
        after = here.run("provision", str(EXAMPLE / "companion.yaml"), "--yes")
        sent = here.http.get("/_sandbox/requests", params={"method": "POST", "path": "/v1/voices/add"}).json()["count"]
        assert (after["status"], here.count(), sent) == ("done", ONE_OF_EACH, 1)
