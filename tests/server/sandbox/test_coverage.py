"""What the sandbox doesn't emulate says so, and what is said to be served in part is."""

from __future__ import annotations

import httpx
import pytest
from starlette.routing import Route

import operations
from coverage_table import ask_all
from judge import official
from storykeeper_server.sandbox.app import build
from storykeeper_server.sandbox.coverage import PARTLY
from storykeeper_server.sandbox.directory import Directory
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio


async def test_every_official_operation_that_is_not_served_says_so_and_names_itself() -> None:
    """With 501, in the service's envelope."""
    wrong = {
        str(operation): answer.detail
        for operation, answer in (await ask_all(official() or {})).items()
        if not answer.served
        and (answer.detail["code"], f"{operation}." in answer.detail["message"]) != ("not_emulated", True)
    }
    assert wrong == {}


async def test_no_operation_is_taken_for_the_id_of_another() -> None:
    """`/v1/voices/accents` isn't the voice `accents`; and none is refused for its method."""
    asked = (await ask_all(official() or {})).items()
    served = {operation: answer for operation, answer in asked if answer.served}
    mistaken = [operation for operation, answer in served.items() if answer.ids != operation.path.count("{")]
    assert mistaken == []
    assert {answer.status for answer in served.values()} <= {401, 404, 422}


async def test_only_what_is_served_is_said_to_be_partly_served() -> None:
    """A reason for an operation that isn't there is a leftover."""
    served = {str(operation) for operation, answer in (await ask_all(official() or {})).items() if answer.served}
    assert PARTLY.keys() - served == set()


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/nothing", 404), ("/v2/nothing/at/all", 404), ("/v3/voices", 404), ("/", 404), ("/v1", 404)],
)
async def test_other_paths_are_no_operations(path: str, status: int) -> None:
    """The service's framework answers, not the sandbox."""
    transport = httpx.ASGITransport(build(State(None)))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        assert (await client.get(path)).status_code == status


def test_the_table_of_operations_is_the_official_file_s(judge: object) -> None:
    """Made by `scripts/operations.py`; this says when it has to be made again."""
    assert operations.TABLE.read_text(encoding="utf-8") == operations.module(official() or {})


@pytest.mark.parametrize("path", ["/v1/{id}", "/{id}", "/v1/{id}/voices"])
def test_a_route_that_no_request_would_find_is_refused(path: str) -> None:
    """Routes are found by how their path begins."""
    with pytest.raises(ValueError, match="comes so early"):
        Directory([Route(path, lambda request: None)])
