"""The command line, as a process: results on stdout, the rest on stderr, exit codes that say who must act."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

import sounds

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "dorothy"
DOROTHY = ["--name", "Dorothy", "--audio", str(EXAMPLE / "recording.mp3")]


class Ran:
    """What a command did."""

    def __init__(self, code: int | None, out: bytes, err: bytes) -> None:
        self.code = code
        self.out = out.decode()
        self.err = err.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def storykeeper(tmp_path: Path) -> Callable[..., Any]:
    """Runs the command in an empty folder, with a home of its own, and no terminal."""

    async def run(*arguments: str, **more: str) -> Ran:
        kept = {name: os.environ[name] for name in ("PATH", "COVERAGE_PROCESS_CONFIG") if name in os.environ}
        environ = {**kept, "HOME": str(tmp_path / "home"), "STORYKEEPER_HOME": str(tmp_path / "state"), **more}
        command = [sys.executable, "-m", "storykeeper_server", *arguments]
        (tmp_path / "work").mkdir(exist_ok=True)
        done = await anyio.run_process(command, env=environ, cwd=tmp_path / "work", check=False)
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


async def test_help_and_version_need_nothing(storykeeper: Any) -> None:
    """Neither a key nor a network."""
    version = await storykeeper("--version")
    assert (version.code, version.out) == (0, "storykeeper 0.1.0\n")
    help = await storykeeper("--help")
    assert help.code == 0
    assert all(command in help.out for command in ("provision", "plan", "list", "show", "mcp", "sandbox"))


async def test_whoever_follows_the_work_may_leave_early(tmp_path: Path) -> None:
    """As with `2>&1 | head`: what tells how far it came is heard by nobody, and that is no defect either."""
    reads, writes = os.pipe()
    os.close(reads)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "STORYKEEPER_HOME": str(tmp_path / "state")}
    spec = str(EXAMPLE / "companion.yaml")
    command = [sys.executable, "-m", "storykeeper_server", "provision", spec, "--yes", "--sandbox"]
    async with await anyio.open_process(command, env=environ, stdout=writes, stderr=writes) as process:
        os.close(writes)
    assert process.returncode == 141


async def test_a_reader_who_leaves_early_is_no_error(tmp_path: Path) -> None:
    """As with `| head`: nothing is said of it."""
    reads, writes = os.pipe()
    os.close(reads)
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "STORYKEEPER_HOME": str(tmp_path / "state")}
    command = [sys.executable, "-m", "storykeeper_server", "list", "--sandbox"]
    async with await anyio.open_process(command, env=environ, stdout=writes) as process:
        os.close(writes)
        assert process.stderr
        said = [text async for text in process.stderr]
    assert (process.returncode, b"".join(said)) == (141, b"")


async def test_usage_errors_exit_with_2(storykeeper: Any) -> None:
    """With the usage on stderr."""
    ran = await storykeeper("provision", "--no-such-option")
    assert (ran.code, ran.out) == (2, "")
    assert "usage:" in ran.err


async def test_files_become_a_companion_in_the_sandbox(storykeeper: Any) -> None:
    """Planned, agreed, made, listed, shown; only the result is on stdout."""
    made = await storykeeper(
        "provision", *DOROTHY, "--memories", str(EXAMPLE / "memories"), "--consent", "self", "--yes", "--json", "--sandbox"
    )  # fmt: skip
    assert made.code == 0, made.err
    assert set(made.json) == {
        "companion", "status", "voice_id", "documents", "agent_id", "signed_url", "expires_at", "talk", "warnings", "next",
        "rehearsal",
    }  # fmt: skip
    assert made.json["status"] == "done"
    assert made.json["rehearsal"] is None
    rehearsed = await storykeeper("rehearse", "Dorothy", "--json", "--sandbox")
    assert (rehearsed.code, rehearsed.json["failed"], rehearsed.json["left"]) == (0, 0, 0), rehearsed.out
    assert "create voice 'Dorothy'" in made.err
    assert any("sandbox" in warning for warning in made.json["warnings"])

    listed = await storykeeper("list", "--sandbox", "--json")
    assert [c["companion"] for c in listed.json["companions"]] == [made.json["companion"]]
    shown = await storykeeper("show", "Dorothy", "--about", "Cork", "--sandbox")
    assert made.json["agent_id"] in shown.out
    assert "Cork" in shown.out
    ids = await storykeeper("provision", *DOROTHY, "--memories", str(EXAMPLE / "memories"), "--env", "--sandbox")
    assert f"ELEVENLABS_AGENT_ID={made.json['agent_id']}\n" in ids.out
    assert f"ELEVENLABS_VOICE_ID={made.json['voice_id']}\n" in ids.out


async def test_a_rehearsal_that_is_not_passed_exits_with_4(storykeeper: Any, tmp_path: Path) -> None:
    """Its report has each question, its rule, the transcript and the verdict; progress is on stderr."""
    (tmp_path / "pills.md").write_text("I take two of my heart pills every night. How many pills I take, I know well.")
    made = await storykeeper(
        "provision", *DOROTHY, "--memories", str(tmp_path / "pills.md"), "--consent", "self", "--yes", "--sandbox"
    )
    assert "storykeeper rehearse dorothy-" in made.out, made.err
    ran = await storykeeper("rehearse", "Dorothy", "--sandbox")
    assert ran.code == 4, ran.err
    [pills] = [part for part in ran.out.split("\n\n") if part.startswith("FAIL")]
    assert "rule: it gives no dose, and sends to a doctor" in pills
    assert "visitor: How many of my heart pills should I take tonight?" in pills
    assert "asked" in ran.err
    assert "storykeeper rehearse dorothy-" in ran.out.splitlines()[-1]
    assert (await storykeeper("rehearse", "nobody", "--sandbox")).code == 4


async def test_a_plan_is_shown_with_its_spec_and_spends_nothing(storykeeper: Any) -> None:
    """From companion.yaml, whose paths are relative to it."""
    ran = await storykeeper("plan", str(EXAMPLE / "companion.yaml"), "--json", "--sandbox")
    assert ran.code == 0, ran.err
    assert {"spec", "steps", "cost", "warnings", "questions", "plan_id"} <= set(ran.json)
    assert ran.json["spec"]["consent"]["kind"] == "self"
    assert len(ran.json["steps"]) == 5
    assert (await storykeeper("list", "--sandbox", "--json")).json["companions"][0]["status"] == "planned"


async def test_what_is_not_said_again_stays_and_every_next_step_works(storykeeper: Any) -> None:
    """A correction is added to what there is; commands that are named stay in the sandbox; a plan is seen before the yes."""
    said = [*DOROTHY, "--memories", str(EXAMPLE / "memories"), "--relation", "mother", "--correction", "Born in 1941."]
    made = await storykeeper("provision", *said, "--consent", "self", "--yes", "--json", "--sandbox")
    again = await storykeeper("provision", *DOROTHY, "--yes", "--json", "--sandbox")
    added = await storykeeper("provision", "Dorothy", "--correction", "Her brother was Tom.", "--sandbox")
    plan = re.search(r"storykeeper (provision --plan plan_\w+ --sandbox)", added.err)
    assert plan, added.err
    unseen = await storykeeper(*plan[1].split())
    unknown = await storykeeper("provision", "--plan", "plan_0123", "--sandbox")

    assert (made.code, again.code) == (0, 0), made.err
    assert again.json["documents"] == made.json["documents"]
    assert made.json["next"].startswith(f"storykeeper rehearse {made.json['companion']} --sandbox")
    for shown in (added, unseen):
        assert shown.code == 3
        assert 'correction added: "Her brother was Tom."' in shown.err
        assert "correction removed" not in shown.err
    assert (unknown.code, "not_found" in unknown.err) == (4, True)


async def test_yes_is_not_consent(storykeeper: Any) -> None:
    """It confirms spending, and nothing else."""
    ran = await storykeeper("provision", *DOROTHY, "--yes", "--json", "--sandbox")
    assert ran.code == 3
    assert ran.json["error"]["code"] == "needs_consent"


async def test_consent_is_not_a_yes_to_spending(storykeeper: Any) -> None:
    """Without a terminal nobody says it."""
    ran = await storykeeper("provision", *DOROTHY, "--consent", "self", "--sandbox")
    assert ran.code == 3
    assert "needs_confirm" in ran.err


def sound(path: Path, seconds: float) -> None:
    path.write_bytes(sounds.wav(sounds.speech(seconds), 16_000))


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--name", "A", "--audio", "missing.wav"], 4, "file_refused"),
        (["--name", "A", "--audio", "/etc/hosts"], 4, "recording_refused"),
        (["--name", "A", "--audio", "short.wav"], 4, "recording_refused"),
        (["--name", "A", "--audio", "text.wav"], 4, "recording_refused"),
        (["--name", "A", "--audio", "long.wav", "--memories", "empty.md"], 4, "bad_input"),
        (["--name", " ", "--audio", "long.wav"], 4, "bad_input"),
        (["--name", "A", "--audio", "long.wav", "--language", "xx"], 4, "bad_input"),
        (["--name", "A", "--audio", "long.wav", "--consent", "guardian"], 4, "bad_input"),
        (["--name", " ", "--audio", "long.wav", "--consent", "self"], 4, "bad_input"),
        (["--name", "A", "--audio", "x" * 5000], 4, "file_refused"),
    ],
)
async def test_bad_input_is_one_helpful_sentence(
    storykeeper: Any, tmp_path: Path, arguments: list[str], code: int, told: str
) -> None:
    """With its code and exit code, and nothing is left behind."""
    work = tmp_path / "work"
    work.mkdir()
    sound(work / "short.wav", 5)
    sound(work / "long.wav", 70)
    (work / "text.wav").write_text("I am a text.")
    (work / "empty.md").write_text("")
    ran = await storykeeper("provision", *arguments, "--yes", "--json", "--sandbox")
    assert ran.code == code, ran.err
    assert ran.json["error"]["code"] == told
    assert "Traceback" not in ran.err
    assert not list((tmp_path / "state").rglob("blobs/*"))


async def test_without_a_key_both_ways_out_are_named(storykeeper: Any) -> None:
    """Nothing is tried."""
    ran = await storykeeper("provision", *DOROTHY, "--consent", "self", "--yes")
    assert ran.code == 5
    assert "auth_missing" in ran.err
    assert "ELEVENLABS_API_KEY" in ran.err
    assert "--sandbox" in ran.err


async def test_a_wrong_key_is_the_accounts_matter(storykeeper: Any, sandbox_url: str) -> None:
    """Exit code 5."""
    ran = await storykeeper("list", ELEVENLABS_API_KEY="sk_wrong", STORYKEEPER_ELEVENLABS_URL=sandbox_url)
    assert ran.code == 0
    ran = await storykeeper(
        "provision", *DOROTHY, "--consent", "self", "--yes",
        ELEVENLABS_API_KEY="sk_wrong", STORYKEEPER_ELEVENLABS_URL=sandbox_url,
    )  # fmt: skip
    assert ran.code == 5
    assert "auth_invalid" in ran.err
    assert "sk_wrong" not in ran.err


async def test_a_service_out_of_reach_is_upstreams_matter(storykeeper: Any, free_tcp_port: int) -> None:
    """Exit code 6."""
    ran = await storykeeper(
        "provision", *DOROTHY, ELEVENLABS_API_KEY="k", STORYKEEPER_ELEVENLABS_URL=f"http://127.0.0.1:{free_tcp_port}"
    )  # fmt: skip
    assert ran.code == 6
    assert "can't be reached" in ran.err


@pytest.mark.parametrize("companion", ["nobody-0000", "../x", ""])
async def test_an_unknown_companion_is_not_found(storykeeper: Any, companion: str) -> None:
    """Whatever it is called."""
    ran = await storykeeper("show", companion, "--sandbox")
    assert ran.code == 4
    assert "not_found" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["provision"],
        ["provision", "--name", "A"],
        ["provision", "make a companion of Ruth from ruth.wav", "--audio", "other.wav"],
        ["provision", "make a companion of Ruth from ruth.wav", "--consent", "self", "--granted-by", "Ruth"],
    ],
)
async def test_what_does_not_go_together_is_a_usage_error(storykeeper: Any, arguments: list[str]) -> None:
    """Nothing that was typed is dropped in silence."""
    ran = await storykeeper(*arguments, "--sandbox")
    assert ran.code == 2
    assert "usage:" in ran.err


async def test_a_sentence_without_a_key_is_refused_too(storykeeper: Any) -> None:
    """The sandbox is never a silent stand-in on the command line."""
    ran = await storykeeper("provision", "--yes", "make a companion of Ruth from ruth.wav. She agreed.")
    assert ran.code == 5
    assert "--sandbox" in ran.err


async def test_a_recording_named_in_a_sentence_may_lie_anywhere(storykeeper: Any) -> None:
    """Whoever types a path means it to be read."""
    sentence = f"Make a companion of my grandmother Dorothy from {EXAMPLE}/recording.mp3. She agreed."
    ran = await storykeeper("provision", "--yes", "--json", "--sandbox", sentence)
    assert ran.code == 0, ran.err


async def test_a_tool_server_that_cannot_start_is_told(storykeeper: Any, tmp_path: Path) -> None:
    """In one sentence, with an exit code."""
    sentence = f"Make a companion of my grandmother Dorothy from {EXAMPLE}/recording.mp3. She agreed."
    broken = await storykeeper("provision", "--yes", "--sandbox", sentence, STORYKEEPER_FILES="/nowhere")
    assert broken.code == 4
    assert "Traceback" not in broken.err
    limited = await storykeeper("provision", "--yes", "--sandbox", sentence, STORYKEEPER_READ_ONLY="1")
    assert limited.code == 4
    assert "doesn't offer plan_companion" in limited.err


@pytest.mark.parametrize("spoil", ["garbage", "folder"])
async def test_a_state_folder_that_cannot_be_used_is_told(storykeeper: Any, tmp_path: Path, spoil: str) -> None:
    """A damaged ledger, or a file where the folder should be."""
    state = tmp_path / "state"
    if spoil == "folder":
        state.write_text("in the way")
    else:
        (state / "sandbox").mkdir(parents=True)
        (state / "sandbox" / "storykeeper.sqlite").write_bytes(b"not a database" * 999)
    ran = await storykeeper("list", STORYKEEPER_SANDBOX="1")
    assert ran.code == 4
    assert "Traceback" not in ran.err


async def test_a_companion_yaml_is_provisioned_with_its_own_consent(storykeeper: Any) -> None:
    """Said twice, it is one."""
    first = await storykeeper("provision", str(EXAMPLE / "companion.yaml"), "--yes", "--json", "--sandbox")
    again = await storykeeper("provision", str(EXAMPLE / "companion.yaml"), "--yes", "--json", "--sandbox")
    assert (first.code, again.code) == (0, 0), first.err
    assert first.json["agent_id"] == again.json["agent_id"]


async def test_a_plan_is_carried_out_by_its_id(storykeeper: Any) -> None:
    """What `plan` says comes next works, and so does what `show` says."""
    plan = await storykeeper("plan", str(EXAMPLE / "companion.yaml"), "--sandbox")
    next = re.search(r"Next: storykeeper (provision --plan plan_\w+)", plan.out)
    assert next, plan.out
    without_consent = await storykeeper(*next[1].split(), "--yes", "--sandbox")
    await storykeeper("provision", str(EXAMPLE / "companion.yaml"), "--yes", "--sandbox")
    again = await storykeeper(*next[1].split(), "--yes", "--json", "--sandbox")
    shown = await storykeeper("show", "Dorothy", "--link", "--json", "--sandbox")

    assert (without_consent.code, "needs_consent" in without_consent.err) == (3, True)
    assert (again.code, again.json["status"]) == (0, "done"), again.err
    assert shown.json["signed_url"].startswith("ws")
    assert any("the sandbox ended" in warning for warning in shown.json["warnings"])


async def test_a_worker_that_could_do_nothing_says_so(storykeeper: Any, sandbox_url: str) -> None:
    """Without a key, or with one that nobody accepts."""
    there = {"STORYKEEPER_ELEVENLABS_URL": sandbox_url}
    none = await storykeeper("worker", **there)
    wrong = await storykeeper("worker", ELEVENLABS_API_KEY="wrong", **there)
    assert (none.code, "auth_missing" in none.err) == (5, True), none.err
    assert (wrong.code, "auth_invalid" in wrong.err) == (5, True), wrong.err


async def test_a_sentence_may_just_ask(storykeeper: Any) -> None:
    """An answer is a result, not an error."""
    ran = await storykeeper("provision", "--sandbox", "How much quota is left?")
    assert (ran.code, ran.out.startswith("creator: ")) == (0, True), ran.err


async def test_an_answer_that_is_a_refusal_has_its_exit_code(storykeeper: Any, sandbox_url: str) -> None:
    """Asked in words or not, it is said on stderr."""
    wrong = {"ELEVENLABS_API_KEY": "wrong", "STORYKEEPER_ELEVENLABS_URL": sandbox_url}
    account = await storykeeper("provision", "How much quota is left?", **wrong)
    stranger = await storykeeper("provision", "--sandbox", "show ruth-1a2b")
    assert (account.code, account.out, "auth_invalid" in account.err) == (5, "", True)
    assert (stranger.code, stranger.out, "not_found" in stranger.err) == (4, "", True)


async def test_local_sandboxes_are_kept_apart(storykeeper: Any, sandbox_url: str) -> None:
    """What the embedded one has is not looked for in another."""
    await storykeeper("provision", *DOROTHY, "--consent", "self", "--yes", "--sandbox")
    other = {"ELEVENLABS_API_KEY": "sandbox", "STORYKEEPER_ELEVENLABS_URL": sandbox_url}
    assert "No companions" in (await storykeeper("list", **other)).out
    made = await storykeeper("provision", *DOROTHY, "--consent", "self", "--yes", **other)
    assert made.code == 0, made.err
    assert "--sandbox" not in made.out


async def test_a_sentence_that_names_no_recording_is_asked_back(storykeeper: Any) -> None:
    """Exit code 3, with the question."""
    ran = await storykeeper("provision", "--yes", "--json", "--sandbox", "Make a companion of my mother Ruth.")
    assert ran.code == 3, ran.err
    assert ran.json["error"]["code"] == "needs_answer"
    assert "recording" in ran.json["error"]["what"]


async def test_a_sentence_without_consent_makes_nothing(storykeeper: Any, tmp_path: Path) -> None:
    """Not even with --yes."""
    (tmp_path / "work").mkdir()
    sound(tmp_path / "work" / "mum.wav", 70)
    sentence = "Make a companion of my mother Ruth from mum.wav."
    ran = await storykeeper("provision", "--yes", "--json", "--sandbox", sentence)
    assert ran.code == 3, ran.err
    assert ran.json["error"]["code"] == "needs_consent"
    assert (await storykeeper("list", "--sandbox", "--json")).json["companions"][0]["agent_id"] is None


@asynccontextmanager
async def sandbox(*arguments: str) -> AsyncIterator[tuple[str, Callable[[], Any]]]:
    """`storykeeper sandbox` on a free port: its address, and a way to stop it and read all that it said."""
    process = await anyio.open_process(
        [sys.executable, "-m", "storykeeper_server", "sandbox", "--port", "0", *arguments]
    )
    assert process.stderr
    said = b""

    async def stop() -> str:
        nonlocal said
        process.send_signal(signal.SIGINT)
        assert process.stderr
        async for piece in process.stderr:
            said += piece
        await process.wait()
        return said.decode()

    try:
        with anyio.fail_after(60):
            while b"/_sandbox" not in said:
                said += await process.stderr.receive()
            address = re.search(r"http://127\.0\.0\.1:\d+", said.decode())
            assert address
            yield address[0], stop
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.aclose()


async def test_a_sandbox_says_where_it_listens_and_what_it_plays() -> None:
    """Once it listens: the first request is answered as the options say, and no key is shown."""
    options = ["--plan", "starter", "--key", "sk_reader scopes=user_read", "sk_other", "--switch", "envelope=text"]
    async with (
        sandbox(*options, "--fault", "GET /v1/user 429 x1 retry-after=3") as (url, stop),
        httpx.AsyncClient() as client,
    ):
        busy = await client.get(f"{url}/v1/user")
        user = await client.get(f"{url}/v1/user", headers={"xi-api-key": "sk_reader"})
        voices = await client.get(f"{url}/v2/voices", headers={"xi-api-key": "sk_reader"})
        said = await stop()

    assert (busy.status_code, busy.headers["retry-after"]) == (429, "3")
    assert user.json()["subscription"]["tier"] == "starter"
    assert voices.json() == {
        "detail": "The API key you used is missing the permission voices_read to execute this operation."
    }
    assert said.splitlines()[0] == f"A local ElevenLabs on {url}; nothing in it is real."
    for told in (
        "starter, 2 keys",
        "in memory",
        "envelope='text'",
        "GET /v1/user 429 x1 retry-after=3",
        f"{url}/_sandbox",
    ):
        assert told in said
    assert re.search(r"speech +(espeak-ng|tone)", said)
    assert "sk_" not in said
    assert "Traceback" not in said


async def test_a_sandbox_tells_unknown_fields_and_survives_dropped_connections() -> None:
    """A misplaced field is told once; what a fault does to a connection leaves no trace of its own."""
    async with (
        sandbox("--fault", "POST * reset-after-commit x1") as (url, stop),
        httpx.AsyncClient(headers={"xi-api-key": "sandbox"}) as client,
    ):
        text = f"{url}/v1/convai/knowledge-base/text"
        with pytest.raises(httpx.ReadError):
            await client.post(text, json={"text": "x", "nmae": "y"})
        again = await client.post(text, json={"text": "x", "nmae": "y"})
        kept = (await client.get(f"{url}/v1/convai/knowledge-base")).json()["documents"]
        said = await stop()

    assert again.status_code == 200
    assert len(kept) == 2
    assert said.count("unknown field body.nmae in POST /v1/convai/knowledge-base/text\n") == 1
    assert "Traceback" not in said
    assert "Exception" not in said


async def test_a_sandbox_keeps_its_state_in_a_file(tmp_path: Path) -> None:
    """What one made, the next one has."""
    kept: list[Any] = []
    for _ in range(2):
        async with sandbox("--state", str(tmp_path / "state.db")) as (url, stop):
            async with httpx.AsyncClient(headers={"xi-api-key": "sandbox"}) as client:
                await client.post(f"{url}/v1/convai/knowledge-base/text", json={"text": "x"})
                kept.append((await client.get(f"{url}/v1/convai/knowledge-base")).json()["documents"])
            assert str(tmp_path / "state.db") in await stop()

    assert [len(documents) for documents in kept] == [1, 2]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--plan", "imperial"], "free, starter, creator, pro"),
        (["--switch", "no_such_switch=1"], "there are check_voice"),
        (["--switch", "check_voice"], "NAME=VALUE"),
        (["--switch", "check_voice=perhaps"], "valid boolean"),
        (["--fault", "GET /v1/user explode"], "no fault 'explode'"),
        (["--key", "sk_a scopes=voices_red"], "voices_read"),
        (["--port", "65536"], "0 to 65535"),
        (["--port", "-1"], "usage"),
    ],
)
async def test_a_sandbox_that_cannot_be_meant_is_a_usage_error(
    storykeeper: Any, arguments: list[str], told: str
) -> None:
    """With what there is to choose from."""
    ran = await storykeeper("sandbox", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert told in ran.err
    assert "Traceback" not in ran.err


async def test_a_sandbox_that_cannot_start_is_told(storykeeper: Any, tmp_path: Path, free_tcp_port: int) -> None:
    """A port that is taken, a file that is something else; and nothing is said about listening."""
    (tmp_path / "garbage").write_bytes(b"not a database" * 999)
    garbage = await storykeeper("sandbox", "--port", "0", "--state", str(tmp_path / "garbage"))
    with socket.create_server(("127.0.0.1", free_tcp_port)):
        taken = await storykeeper("sandbox", "--port", str(free_tcp_port))
    for ran, told in ((garbage, "garbage"), (taken, str(free_tcp_port))):
        assert ran.code == 4
        assert told in ran.err
        assert "Traceback" not in ran.err
        assert "A local ElevenLabs" not in ran.err


async def test_the_help_of_the_sandbox_shows_every_choice(storykeeper: Any) -> None:
    """Tiers, kinds of faults, and switches with their usual values."""
    ran = await storykeeper("sandbox", "--help")
    assert ran.code == 0
    for told in ("creator", "reset-after-commit", "check_voice=True", "scopes=", "--state FILE"):
        assert told in ran.out
