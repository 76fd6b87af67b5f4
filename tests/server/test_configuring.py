"""`storykeeper config`: what each assistant's file needs to say, and how it comes to stand there without loss."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from storykeeper_server.cli import main
from storykeeper_server.grammar import ASSISTANTS
from storykeeper_server.hosts.jsonc import Broken, append, parse, put
from storykeeper_server.hosts.known import HOSTS, KEY, NAME, Start
from storykeeper_server.hosts.launching import launcher
from storykeeper_server.hosts.merging import merged
from storykeeper_server.hosts.writing import change
from storykeeper_tools.errors import BadInput, Busy

KEPT_SECRET = "sk_0123456789abcdef"
FILES = {
    "claude-desktop": ".config/Claude/claude_desktop_config.json",
    "claude-code": ".claude.json",
    "cursor": ".cursor/mcp.json",
    "vscode": ".config/Code/User/mcp.json",
    "gemini": ".gemini/settings.json",
}
START = Start(("/bin/storykeeper", "mcp"), {"STORYKEEPER_FILES": "/home/a/Storykeeper"})


@dataclass
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Of a person who has nothing yet."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def config(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs the command, in this process, for a person with a home of their own on Linux."""
    for name in [name for name in os.environ if name.startswith(("STORYKEEPER_", "ELEVENLABS_", "SSL_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(home / ".local" / "share"))
    monkeypatch.chdir(home)

    def run(*arguments: str, **more: str) -> Ran:
        with monkeypatch.context() as patched:
            for name, value in more.items():
                patched.setenv(name, value)
            code = main(["config", *arguments])
        return Ran(code, *capsys.readouterr())

    return run


def started(host: str, document: dict[str, Any], environ: dict[str, str]) -> StdioServerParameters:
    """What a host makes of its file: its own way of putting in what isn't written there."""
    entry = document[HOSTS[host].servers][NAME]
    asked = {f"input:{one['id']}": "sandbox" for one in document.get("inputs", []) if one["password"]}
    known = {**asked, **environ, **{f"env:{name}": value for name, value in environ.items()}}

    def filled(text: str) -> str:
        return re.sub(r"\$\{([\w:-]+?)(:-[^}]*)?\}", lambda found: known.get(found[1], found[0]), text)

    return StdioServerParameters(
        command=entry["command"],
        args=entry["args"],
        env={"HOME": environ["HOME"], **{name: filled(value) for name, value in entry["env"].items()}},
    )


async def seen(server: StdioServerParameters, tool: str, arguments: dict[str, Any]) -> tuple[int, Any]:
    """How many tools a client is shown, and what one answers."""
    async with Client(stdio_client(server)) as client:
        return len((await client.list_tools()).tools), await client.call_tool(tool, arguments)


@pytest.mark.parametrize("host", sorted(FILES))
def test_every_snippet_starts_a_server(host: str, config: Callable[..., Ran], home: Path) -> None:
    """With nothing of the environment but what such a host passes on; and the key never stands in it."""
    ran = config(host, ELEVENLABS_API_KEY=KEPT_SECRET)
    assert ran.code == 0, ran.err
    assert KEPT_SECRET not in ran.out + ran.err
    assert str(home / FILES[host]) in ran.err
    environ = {"HOME": str(home), KEY: "sandbox"}
    tools, refused = anyio.run(
        seen, started(host, json.loads(ran.out), environ), "inspect_recording", {"recordings": ["x.mp3"]}
    )
    assert tools == 20
    assert refused.content[0].text.startswith("file_refused · can't read 'x.mp3'")


def test_in_the_sandbox_there_is_something_to_call_at_once(config: Callable[..., Ran], home: Path) -> None:
    """No key is asked for."""
    ran = config("vscode", "--sandbox", "--write")
    document = json.loads((home / FILES["vscode"]).read_text())
    assert "inputs" not in document
    assert KEY not in document["servers"][NAME]["env"]
    _, quota = anyio.run(seen, started("vscode", document, {"HOME": str(home)}), "check_quota", {})
    assert quota.structured_content is not None, ran.err
    assert quota.structured_content["tier"] == "creator"


def test_the_program_for_adk_has_the_tools(config: Callable[..., Ran], home: Path) -> None:
    """In a process of its own; its timeout outlasts a clone."""
    ran = config("adk", "--sandbox")
    (home / "agent.py").write_text(ran.out)
    script = (
        "import asyncio, agent\n"
        "async def main():\n"
        "    tools = await agent.storykeeper.get_tools()\n"
        "    print(len(tools))\n"
        "    await agent.storykeeper.close()\n"
        "asyncio.run(main())\n"
    )
    kept = {"PATH": os.environ["PATH"], "HOME": str(home)}
    command = [sys.executable, "-W", "ignore", "-c", script]
    done = subprocess.run(command, env=kept, cwd=home, capture_output=True, text=True, check=False)
    assert done.stdout == "20\n", done.stderr


def test_a_program_is_written_once_and_never_over_another(config: Callable[..., Ran], home: Path) -> None:
    """It can't be merged, so it is shown."""
    assert config("adk", "--write").code == 4
    assert config("adk", "--write", "agent.py").code == 0
    compile((home / "agent.py").read_text(), "agent.py", "exec")
    assert "says so already" in config("adk", "--write", "agent.py").out
    (home / "agent.py").write_text("mine = 1\n")
    refused = config("adk", "--write", "agent.py")
    assert (refused.code, (home / "agent.py").read_text()) == (4, "mine = 1\n")
    assert "McpToolset" in refused.out


@pytest.mark.parametrize("host", sorted(FILES))
def test_it_is_put_into_the_hosts_own_file_once(host: str, config: Callable[..., Ran], home: Path) -> None:
    """Said twice it changes nothing; the file is its owner's alone, and the folder is there."""
    path = home / FILES[host]
    first = config(host, "--write")
    assert (first.code, first.out) == (0, f"{path} is written\n")
    text = path.read_text()
    assert json.loads(text) == json.loads(config(host).out)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (home / "Storykeeper").is_dir()
    assert config(host, "--write").out == f"{path} says so already\n"
    assert [file.name for file in path.parent.iterdir() if file.is_file()] == [path.name]
    assert path.read_text() == text


def test_what_is_there_stays_to_the_last_sign(config: Callable[..., Ran], home: Path) -> None:
    """Other servers, unknown fields, their order, spelling and comments; what it was is kept beside it."""
    path = home / ".config/Code/User/mcp.json"
    path.parent.mkdir(parents=True)
    before = '{\n\t// mine\n\t"servers": {\n\t\t"other": {"command": "x", "n": 1.10}, // kept\n\t},\n\t"z": [1e3]\n}\n'
    path.write_text(before)
    path.chmod(0o640)
    assert config("vscode", "--write").code == 0
    after = path.read_text()
    for kept in ("// mine", '"other": {"command": "x", "n": 1.10}, // kept\n', '"z": [1e3]'):
        assert kept in after
    assert after.index('"servers"') < after.index('"z"') < after.index('"inputs"')
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    backup = path.with_name("mcp.json.before-storykeeper-1")
    assert (backup.read_text(), stat.S_IMODE(backup.stat().st_mode)) == (before, 0o600)


def test_what_somebody_set_for_it_stays(config: Callable[..., Ran], home: Path) -> None:
    """A key above all; what was said of files too, unless it is said anew; a sandbox ends when it isn't asked for."""
    path = home / ".cursor/mcp.json"
    config("cursor", "--write", "--sandbox")
    document = json.loads(path.read_text())
    document["mcpServers"][NAME] |= {"command": "/gone", "disabled": True}
    document["mcpServers"][NAME]["env"] |= {KEY: KEPT_SECRET, "STORYKEEPER_FILES": "/mine", "LANG": "C"}
    path.write_text(json.dumps(document))
    ran = config("cursor", "--write")
    entry = json.loads(path.read_text())["mcpServers"][NAME]
    assert KEPT_SECRET not in ran.out + ran.err
    assert entry["env"] == {"STORYKEEPER_FILES": "/mine", "STORYKEEPER_SANDBOX": "0", KEY: KEPT_SECRET, "LANG": "C"}
    assert (entry["disabled"], entry["command"]) == (True, str(Path(sys.executable).parent / "storykeeper"))
    config("cursor", "--write", "--files", "other")
    assert json.loads(path.read_text())["mcpServers"][NAME]["env"]["STORYKEEPER_FILES"] == str(home / "other")


@pytest.mark.parametrize(
    ("host", "text"),
    [
        ("claude-desktop", "{"),
        ("claude-desktop", '{"mcpServers": {}} // a comment, which that host refuses'),
        ("cursor", '{"mcpServers": {},}'),
        ("cursor", '{"mcpServers": []}'),
        ("cursor", '{"mcpServers": {"storykeeper": {"url": "http://elsewhere"}}}'),
        ("cursor", '{"mcpServers": {"storykeeper": null}}'),
        ("cursor", "[]"),
        ("gemini", '{"a": NaN}'),
        ("gemini", "{} {}"),
        ("gemini", f'{{"a": {"9" * 5000}}}'),
        ("vscode", '{"inputs": {}}'),
        ("vscode", "[" * 100_000),
    ],
)
def test_a_file_that_cannot_be_changed_is_left_alone(
    host: str, text: str, config: Callable[..., Ran], home: Path
) -> None:
    """The snippet is printed, to be put in by hand."""
    path = home / FILES[host]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    ran = config(host, "--write")
    assert (ran.code, path.read_text()) == (4, text)
    assert NAME in json.loads(ran.out)[HOSTS[host].servers]
    assert "storykeeper: bad_input · " in ran.err
    assert "the file is as it was" in ran.err
    assert [file for file in path.parent.iterdir() if "before" in file.name or ".part" in file.name] == []


def test_bytes_that_are_no_text_are_left_alone(config: Callable[..., Ran], home: Path) -> None:
    """They may be anything."""
    (home / "mcp.json").write_bytes(b"\xff\xfe{}")
    assert config("cursor", "--write", "mcp.json").code == 4
    assert (home / "mcp.json").read_bytes() == b"\xff\xfe{}"


def test_a_link_is_followed_to_a_file_of_ones_own_and_stays_a_link(config: Callable[..., Ran], home: Path) -> None:
    """As people have them who keep their settings in a repository; one that leads nowhere is refused."""
    (home / "dotfiles").mkdir()
    (home / "dotfiles" / "mcp.json").write_text("{}")
    (home / "mcp.json").symlink_to("dotfiles/mcp.json")
    (home / "lost.json").symlink_to("nowhere.json")
    (home / "device.json").symlink_to("/dev/null")
    assert config("cursor", "--write", "mcp.json").out == f"{home}/dotfiles/mcp.json is written\n"
    assert (home / "mcp.json").is_symlink()
    assert NAME in json.loads((home / "dotfiles" / "mcp.json").read_text())["mcpServers"]
    assert [config("cursor", "--write", name).code for name in ("lost.json", "device.json")] == [4, 4]
    assert not (home / "nowhere.json").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file away")
def test_a_link_to_somebody_elses_file_is_refused(config: Callable[..., Ran], home: Path) -> None:
    """It may be there to be followed by whoever may write more."""
    (home / "theirs.json").write_text("{}")
    os.chown(home / "theirs.json", 12345, -1)
    (home / "mcp.json").symlink_to("theirs.json")
    assert config("cursor", "--write", "mcp.json").code == 4
    assert (home / "theirs.json").read_text() == "{}"


def test_what_somebody_else_writes_meanwhile_is_not_lost(home: Path) -> None:
    """It is told, and can be said again; nothing of ours is left lying about."""
    path = home / "mcp.json"
    path.write_text("{}")

    def edit(text: str) -> str:
        path.write_text('{"theirs": 1}')
        return text + "ours"

    with pytest.raises(Busy, match="another program has just written"):
        change(path, edit)
    assert path.read_text() == '{"theirs": 1}'
    assert not [file for file in home.iterdir() if file.suffix == ".part"]


def test_what_is_no_plain_file_is_refused(home: Path) -> None:
    """A folder, or one below a file, or a pipe, which would be waited for."""
    (home / "file").touch()
    os.mkfifo(home / "pipe")
    for path in (home, home / "file" / "mcp.json", home / "pipe"):
        with pytest.raises(BadInput):
            change(path, lambda _: "{}")


def test_what_this_environment_says_is_passed_on_but_no_secret(config: Callable[..., Ran], home: Path) -> None:
    """A host starts the server in an environment of its own."""
    said = {
        "STORYKEEPER_HOME": "state",
        "STORYKEEPER_REGION": "eu",
        "STORYKEEPER_CONSENT": "elicit",
        "SSL_CERT_FILE": "/a.pem",
    }
    secret = {"STORYKEEPER_DATABASE_URL": "postgresql://u:hushhush@127.0.0.1/x", KEY: KEPT_SECRET}
    ran = config("cursor", **said, **secret)
    environ = json.loads(ran.out)["mcpServers"][NAME]["env"]
    assert {name: environ[name] for name in said} == {**said, "STORYKEEPER_HOME": str(home / "state")}
    assert "hushhush" not in ran.out + ran.err
    assert "STORYKEEPER_DATABASE_URL" in ran.err


@pytest.mark.parametrize("folder", ["/", "~", "..", "mcp.json", "a:b"])
def test_not_everything_is_given_to_an_assistant(folder: str, config: Callable[..., Ran], home: Path) -> None:
    """Nor what is no folder."""
    (home / "mcp.json").write_text("{}")
    ran = config("cursor", "--files", folder)
    assert (ran.code, ran.out) == (4, "")


def test_the_command_is_one_that_lasts(tmp_path: Path) -> None:
    """This installation by its whole path; uvx where it would be cleaned away; Python where there is no script."""
    bin = tmp_path / "bin"
    bin.mkdir()
    assert launcher(str(bin / "python"), None) == (str(bin / "python"), "-m", "storykeeper_server", "mcp")
    (bin / "storykeeper").touch(0o755)
    assert launcher(str(bin / "python"), "/bin/uvx") == (str(bin / "storykeeper"), "mcp")
    passing = "/home/a/.cache/uv/archive-v0/x1/bin/python"
    assert launcher(passing, "/bin/uvx") == ("/bin/uvx", "storykeeper", "mcp")


def test_every_host_has_its_place() -> None:
    """Also on a Mac, whose settings lie elsewhere."""
    assert set(ASSISTANTS) == {*HOSTS, "adk"}
    there = Path("/Users/a/Library/Application Support")
    assert HOSTS["claude-desktop"].where(Path("/Users/a"), there) == there / "Claude" / "claude_desktop_config.json"
    assert HOSTS["vscode"].where(Path("/Users/a"), there) == there / "Code" / "User" / "mcp.json"


# Any file

KEYS = st.sampled_from(["mcpServers", "servers", "inputs", "storykeeper", "env", "command", "x", "ä\u2028", 'q"', ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=5)
STYLES = st.sampled_from([None, 0, 1, 2, 4, "\t"])


def dressed(document: Any, style: Any, comment: str, crlf: bool) -> str:
    """A document as somebody might keep it: with comments wherever a line ends, and at both ends."""
    text = json.dumps(document, indent=style, ensure_ascii=False)
    if comment:
        text = f"/* {comment} */{text} // {comment}\n" + text[:0]
        text = text.replace(",\n", f", // {comment}\n").replace("{\n", f"{{ /* {comment} */\n")
    return text.replace("\n", "\r\n") if crlf else text


@settings(deadline=None)
@given(DOCUMENTS, STYLES, st.sampled_from(["", "kept, {[", 'it"s']), st.booleans(), st.sampled_from(sorted(HOSTS)))
def test_merging_keeps_everything_else(document: Any, style: Any, comment: str, crlf: bool, host: str) -> None:
    """Whatever there is: the same values in the same order, every comment, and our own entry at the end."""
    chosen = HOSTS[host]
    text = dressed(document, style, comment if chosen.comments else "", crlf)
    try:
        after = merged(chosen, text, START)
    except Broken:
        servers = document.get(chosen.servers, {})
        inputs = document.get("inputs", [])
        assert not isinstance(servers, dict) or not isinstance(inputs, list) or NAME in servers
        return
    there = parse(after, comments=chosen.comments).value
    assert there[chosen.servers][NAME]["args"] == ["mcp"]
    assert without_us(there, chosen.servers) == without_us(document, chosen.servers)
    assert list(there)[: len(document)] == list(document)
    assert after.count(comment) >= text.count(comment)
    assert merged(chosen, after, START) == after


def without_us(document: Any, servers: str) -> Any:
    """What somebody else wrote; places that were made for ours are as good as none."""
    others = {name: value for name, value in document.get(servers, {}).items() if name != NAME}
    asked: Any = document.get("inputs") or []
    inputs = (
        [one for one in asked if not (isinstance(one, dict) and "promptString" in one.values())]
        if isinstance(asked, list)
        else asked
    )
    rest = {name: value for name, value in document.items() if name not in {servers, "inputs"}}
    return json.dumps([rest, others, inputs], sort_keys=True)


@settings(deadline=None)
@given(DOCUMENTS, STYLES, st.lists(KEYS, min_size=1, max_size=3), VALUES)
def test_a_value_is_put_where_it_belongs(document: Any, style: Any, path: list[str], value: Any) -> None:
    """And parsed back, it is the only difference."""
    text = json.dumps(document, indent=style)
    wanted = json.loads(text)
    inner = wanted
    for key in path[:-1]:
        inner = inner.setdefault(key, {}) if isinstance(inner, dict) else None
    if not isinstance(inner, dict):
        with pytest.raises(Broken):
            put(text, path, value)
        return
    inner[path[-1]] = value
    assert json.loads(put(text, path, value, comments=False)) == wanted


@settings(deadline=None)
@given(st.text(alphabet='{}[]",:/*1a \n\\', max_size=24))
def test_what_is_broken_is_told(text: str) -> None:
    """Without comments it takes exactly what Python's own reader takes."""
    try:
        document = json.loads(text)
    except ValueError:
        with pytest.raises(Broken):
            parse(text, comments=False)
    else:
        assert parse(text, comments=False).value == document


def test_of_two_members_of_a_name_the_last_is_meant() -> None:
    """As every reader has it."""
    assert put('{"a": 1, "a": 2}', ["a"], 3) == '{"a": 1, "a": 3}'


def test_an_array_is_made_or_grows() -> None:
    """After what stands in it, comments included."""
    assert json.loads(append("{}", ["a"], 1)) == {"a": [1]}
    assert append('{"a": [1, // one\n]}', ["a"], 2) == '{"a": [1, // one\n2\n]}'
    with pytest.raises(Broken):
        append('{"a": {}}', ["a"], 1)
