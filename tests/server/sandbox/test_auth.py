"""Keys: who is let in, from where, for what, and in which order that is looked at."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from elevenlabs.client import ElevenLabs
from elevenlabs.core.api_error import ApiError

from judge import official
from judged import build, served
from storykeeper_server.sandbox import app, auth
from storykeeper_server.sandbox.app import Switches
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio
TEXT = "/v1/convai/knowledge-base/text"


def connect(*keys: str, caller: str = "127.0.0.1", **options: Any) -> httpx.AsyncClient:
    """A client that uses the first of a fresh sandbox's keys."""
    transport = httpx.ASGITransport(build(State(None), keys=keys, **options), client=(caller, 5))
    return httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1", headers={"xi-api-key": keys[0].split()[0]}
    )


@pytest.mark.parametrize(
    ("method", "path", "permission"),
    [
        ("GET", "/v1/user", "user_read"),
        ("GET", "/v1/user/subscription", "user_read"),
        ("GET", "/v2/voices", "voices_read"),
        ("GET", "/v1/models", "models_read"),
        ("GET", "/v1/convai/agents", "convai_read"),
        ("DELETE", "/v1/convai/agents/x", "convai_write"),
        ("GET", "/v1/convai/knowledge-base", "convai_read"),
    ],
)
async def test_a_key_needs_the_operation_s_permission(method: str, path: str, permission: str) -> None:
    """Without it the key is refused by the permission's name; with it alone it is enough."""
    async with connect("none scopes=", f"right scopes={permission}") as client:
        refused = await client.request(method, path)
        let_in = await client.request(method, path, headers={"xi-api-key": "right"})

    detail = refused.json()["detail"]
    assert refused.status_code == 401
    assert (detail["type"], detail["code"], detail["status"]) == (
        "authentication_error",
        "unauthorized",
        "missing_permissions",
    )
    assert detail["message"] == (
        f"The API key you used is missing the permission {permission} to execute this operation."
    )
    assert let_in.status_code in (200, 404)


def official_operations() -> list[tuple[str, str]]:
    """Every HTTP operation of the official file."""
    paths: dict[str, Any] = (official() or {"paths": {}})["paths"]
    methods = {"get", "post", "put", "patch", "delete"}
    return [(method.upper(), path) for path, item in paths.items() for method in methods & item.keys()]


async def test_no_operation_is_open_to_a_key_without_permissions(judge: object) -> None:
    """Whatever the sandbox serves is refused to it, malformed, not served, or among the few that need none."""
    answered: set[str] = set()
    transport = httpx.ASGITransport(app.build(State(None), keys=["none scopes="]))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for method, path in official_operations():
            answer = await client.request(
                method, path.replace("{", "").replace("}", ""), headers={"xi-api-key": "none"}
            )
            refused = answer.status_code == 401 and answer.json()["detail"]["status"] == "missing_permissions"
            if answer.status_code not in (422, 501) and not refused:
                answered.add(f"{method} {path}: {answer.status_code}")

    # The official file has it without the header for a key.
    assert answered == {"GET /v1/voices/settings/default: 200"}


async def test_keys_may_share_a_workspace() -> None:
    """One reads what the other wrote."""
    async with connect("sandbox", "sk_reader workspace=sandbox scopes=convai_read", "other") as client:
        made = (await client.post(TEXT, json={"text": "x"})).json()
        path = f"/v1/convai/knowledge-base/{made['id']}"
        shared = await client.get(path, headers={"xi-api-key": "sk_reader"})
        refused = await client.delete(path, headers={"xi-api-key": "sk_reader"})
        apart = await client.get(path, headers={"xi-api-key": "other"})

    assert (shared.status_code, refused.status_code, apart.status_code) == (200, 401, 404)


@pytest.mark.parametrize(
    ("caller", "status"),
    [("10.1.2.3", 200), ("127.0.0.1", 200), ("127.0.0.2", 403), ("11.0.0.1", 403), ("::1", 403), ("nobody", 403)],
)
async def test_a_key_may_be_bound_to_addresses(caller: str, status: int) -> None:
    """Single ones and networks; from elsewhere it is forbidden."""
    async with connect("bound addresses=127.0.0.1,10.0.0.0/8", caller=caller) as client:
        answer = await client.get("/v1/user")

    assert answer.status_code == status
    assert status == 200 or answer.json()["detail"]["code"] == "forbidden"


async def test_a_key_may_have_less_credits_than_its_workspace() -> None:
    """It is refused by what it has left, while the other key of the workspace goes on."""
    async with connect("poor workspace=rich credits=10", "rich") as client:
        voice = (await client.get("/v2/voices")).json()["voices"][0]["voice_id"]
        path = f"/v1/text-to-speech/{voice}"
        first = await client.post(path, json={"text": "Six ch"})
        second = await client.post(path, json={"text": "Six ch"})
        other = await client.post(path, json={"text": "Six ch"}, headers={"xi-api-key": "rich"})

    assert (first.status_code, second.status_code, other.status_code) == (200, 402, 200)
    assert "API key quota of 10. You have 4 credits remaining" in second.json()["detail"]["message"]


async def test_reasons_are_looked_for_in_the_service_s_order() -> None:
    """Schema, key, address, permission, resource."""
    keys = ["good", "bound addresses=10.0.0.1 scopes=", "none scopes="]
    statuses: list[tuple[int, str]] = []
    async with connect(*keys) as client:
        for key, body in (("wrong", {}), ("wrong", {"text": "x"}), ("bound", {"text": "x"}), ("none", {"text": "x"})):
            answer = await client.post(TEXT, json={**body, "parent_folder_id": "nowhere"}, headers={"xi-api-key": key})
            detail = answer.json()["detail"]
            statuses.append((answer.status_code, detail[0]["type"] if isinstance(detail, list) else detail["status"]))
        statuses.append(((await client.post(TEXT, json={"text": "x", "parent_folder_id": "nowhere"})).status_code, ""))

    assert statuses == [
        (422, "missing"),
        (401, "invalid_api_key"),
        (403, "forbidden"),
        (401, "missing_permissions"),
        (404, ""),
    ]


@pytest.mark.parametrize(
    ("headers", "switches", "status", "code"),
    [
        ({}, Switches(), 404, "workspace_not_found"),
        ({}, Switches(models_without_key="needs_authorization"), 401, "needs_authorization"),
        ({"authorization": "Bearer good"}, Switches(), 401, "invalid_authorization_header"),
        ({"xi-api-key": "wrong"}, Switches(), 401, "invalid_api_key"),
    ],
)
async def test_models_without_a_key_are_a_case_of_their_own(
    headers: dict[str, str], switches: Switches, status: int, code: str
) -> None:
    """The 404 that was seen once is a switch; a wrong key is a wrong key."""
    async with connect("good", switches=switches) as client:
        del client.headers["xi-api-key"]
        answer = await client.get("/v1/models", headers=headers)

    assert (answer.status_code, answer.json()["detail"]["status"]) == (status, code)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "letters and digits"),
        ("kéy", "letters and digits"),
        ("sk_a scopes=voices_red", "no permission voices_red; there are .*voices_read"),
        ("sk_a credits=many", "credits=N"),
        ("sk_a credits=-1", "credits=N"),
        ("sk_a addresses=home", "home"),
        ("sk_a addresses=", "addresses=IP"),
        ("sk_a workspace=", "workspace=NAME"),
        ("sk_a colour=red", "a key can have"),
        ("sk_a another", "a key can have"),
    ],
)
def test_a_key_that_makes_no_sense_is_refused(text: str, told: str) -> None:
    """In words that say what would."""
    with pytest.raises(ValueError, match=told):
        auth.key(text)


def test_the_official_client_learns_what_its_key_lacks() -> None:
    """A key for agents can't read the quota."""
    with served(build(State(None), keys=["sk_a scopes=convai_read"])) as url, httpx.Client() as connections:
        official = ElevenLabs(api_key="sk_a", base_url=url, httpx_client=connections)
        assert official.conversational_ai.agents.list().agents == []
        with pytest.raises(ApiError) as lacking:
            official.user.subscription.get()

    assert lacking.value.status_code == 401
    assert lacking.value.body["detail"]["status"] == "missing_permissions"
