"""What directories, registries and CI are told is what the code is: versions, tools, settings, commands."""

from __future__ import annotations

import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

import clients
from storykeeper_server.grammar import parser
from storykeeper_tools.elevenlabs.hosts import REGIONS
from storykeeper_tools.settings import KNOWN, read

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SERVER = json.loads((ROOT / "server.json").read_text(encoding="utf-8"))
MANIFEST = json.loads((ROOT / "manifest.json").read_text(encoding="utf-8"))
TOOLS = json.loads((ROOT / "tests" / "server" / "tools.json").read_text(encoding="utf-8"))
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
MCPB = clients.FOLDER / "node_modules" / "@anthropic-ai" / "mcpb" / "dist" / "cli" / "cli.js"
KEY = "ELEVENLABS_API_KEY"
SECRET = {KEY, "STORYKEEPER_DATABASE_URL", "STORYKEEPER_HTTP_TOKENS", "STORYKEEPER_TALK_TOKENS"}


def test_every_file_has_the_same_version() -> None:
    """The registry's, the bundle's, and the one that is built."""
    [package] = SERVER["packages"]
    assert {SERVER["version"], package["version"], MANIFEST["version"]} == {PROJECT["version"]}


def test_the_registry_can_take_it() -> None:
    """By the rules of its schema, and of how it finds the owner of a package: a line in the README."""
    assert SERVER["$schema"].endswith("/2025-12-11/server.schema.json")
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", SERVER["name"])
    assert len(SERVER["name"]) <= 200
    assert all(0 < len(SERVER[told]) <= 100 for told in ("title", "description"))
    assert f"<!-- mcp-name: {SERVER['name']} -->" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert SERVER["repository"] == {"url": PROJECT["urls"]["Homepage"], "source": "github"}
    assert SERVER["websiteUrl"] == PROJECT["urls"]["Homepage"]
    assert set(SERVER) == {"$schema", "name", "title", "description", "version", "websiteUrl", "repository", "packages"}


def test_the_package_is_started_by_a_command_that_there_is() -> None:
    """And the package is ours."""
    [package] = SERVER["packages"]
    assert (package["registryType"], package["identifier"]) == ("pypi", PROJECT["name"])
    assert (package["runtimeHint"], package["transport"]) == ("uvx", {"type": "stdio"})
    assert PROJECT["name"] in PROJECT["scripts"]
    said = [argument["value"] for argument in package["packageArguments"] if argument["type"] == "positional"]
    assert parser().parse_args(said).run == "commands.mcp"


def test_the_registry_is_told_of_settings_that_there_are() -> None:
    """Secrets as secrets; every choice and default is one that is understood."""
    rows: dict[str, Any] = {row["name"]: row for row in SERVER["packages"][0]["environmentVariables"]}
    assert set(rows) - {KEY} <= set(KNOWN)
    assert {name for name, row in rows.items() if row.get("isSecret")} == SECRET & set(rows)
    assert all(set(row) <= {"name", "description", "isSecret", "format", "default", "choices"} for row in rows.values())
    for name, row in rows.items():
        for value in [*row.get("choices", []), *filter(None, [row.get("default")])]:
            assert not read({name: value}, Path("/x")).warnings
    assert set(rows["STORYKEEPER_REGION"]["choices"]) == set(REGIONS)


def test_the_bundle_tells_the_tools_that_there_are() -> None:
    """Names and sentences, as a host would list them; REVIEWED=1 writes them."""
    tools = [{"name": tool["name"], "description": tool["description"]} for tool in TOOLS]
    if os.environ.get("REVIEWED"):
        MANIFEST["tools"] = tools
        (ROOT / "manifest.json").write_text(json.dumps(MANIFEST, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    assert MANIFEST["tools"] == tools, "run the tests with REVIEWED=1 and read the difference"


def test_the_bundle_says_of_itself_what_the_package_does() -> None:
    """One description, one licence, and an environment of settings that there are."""
    for told in ("name", "description", "license"):
        assert MANIFEST[told] == PROJECT[told]
    assert MANIFEST["compatibility"]["runtimes"]["python"] == PROJECT["requires-python"]
    assert PROJECT["urls"]["Privacy"] in MANIFEST["privacy_policies"]
    assert (ROOT / MANIFEST["icon"]).read_bytes()[:24] == b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(
        ">II", 512, 512
    )
    environ: dict[str, str] = MANIFEST["server"]["mcp_config"]["env"]
    assert set(environ) - {KEY} <= set(KNOWN)
    asked: dict[str, Any] = MANIFEST["user_config"]
    assert {f"${{user_config.{name}}}" for name in asked} == set(environ.values())
    assert asked["api_key"]["sensitive"] is True
    for name, value in environ.items():
        default = asked[value[len("${user_config.") : -1]].get("default")
        if default is not None:
            assert not read({name: str(default).lower()}, Path("/x")).warnings


@pytest.mark.anyio
async def test_the_bundle_is_valid_small_and_starts(tmp_path: Path) -> None:
    """By the official tool; it holds what runs and nothing else, and what was unpacked lists its tools."""
    if not MCPB.is_file():
        assert not os.environ.get("CI"), "in CI the official tool must be there"
        pytest.skip("NOT CHECKED: the official tool for bundles comes from npm")
    source, bundle, there = tmp_path / "source", tmp_path / "storykeeper.mcpb", tmp_path / "there"
    for file in tracked():
        (source / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, source / file)
    (source / ".env").write_text("ELEVENLABS_API_KEY=never")
    mcpb("validate", str(source / "manifest.json"))
    mcpb("pack", str(source), str(bundle))
    with zipfile.ZipFile(bundle) as archive:
        archive.extractall(there)
    assert {path.name for path in there.iterdir()} == {
        *("LICENSE", "README.md", "agents", "icon.png", "manifest.json", "pyproject.toml", "server", "tools"),
    }  # fmt: skip
    inside = {path.relative_to(there).as_posix() for path in there.rglob("*") if path.is_file()}
    assert MANIFEST["server"]["entry_point"] in inside
    assert not [path for path in inside if re.search(r"(^|/)(\.|tests/|evals/|web/|__pycache__)", path)]
    assert bundle.stat().st_size < 2 * 1024**2
    config = MANIFEST["server"]["mcp_config"]
    assert [config["command"], *config["args"]] == [
        *("uv", "run", "--no-dev", "--directory", "${__dirname}", "storykeeper", "mcp"),
    ]  # fmt: skip
    # Without uv, which a host brings: the unpacked code, with the packages of this environment.
    code = os.pathsep.join(str(there / root) for root in ("server", "tools", "agents"))
    environ = {"PYTHONPATH": code, "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(tmp_path)}
    server = StdioServerParameters(command=sys.executable, args=["-m", "storykeeper_server", "mcp"], env=environ)
    async with Client(stdio_client(server)) as client:
        assert [tool.name for tool in (await client.list_tools()).tools] == [tool["name"] for tool in MANIFEST["tools"]]


def tracked() -> list[str]:
    """What is in the repository, or would be: not what was built here."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    return [name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def mcpb(*arguments: str) -> None:
    node = clients.node()[0]
    done = subprocess.run([node, str(MCPB), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_github_runs_what_anybody_runs() -> None:
    """The same script, on every Python that is promised; with no more rights than reading, and fixed actions."""
    workflow: dict[Any, Any] = yaml.safe_load(WORKFLOW)
    [job] = workflow["jobs"].values()
    steps = [step["run"] for step in job["steps"] if "run" in step]
    assert steps[-1] == "bash .ci/run"
    assert all("apt-get" in step for step in steps[:-1])  # nothing is checked there only
    promised = [re.search(r":: (3\.\d+)$", told) for told in PROJECT["classifiers"]]
    assert job["strategy"]["matrix"]["python"] == [found[1] for found in promised if found]
    assert workflow["permissions"] == {"contents": "read"}
    assert "permissions" not in job
    uses = [step["uses"] for step in job["steps"] if "uses" in step]
    assert uses
    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", used) for used in uses)
    assert len(re.findall(r"@[0-9a-f]{40} # v\d+\.\d+\.\d+\n", WORKFLOW)) == len(uses)


def test_links_of_the_project_lead_to_files() -> None:
    """As do those inside the documents for contributors."""
    base = f"{PROJECT['urls']['Homepage']}/blob/main/"
    named = [url.removeprefix(base) for url in [*PROJECT["urls"].values(), MANIFEST["documentation"]] if base in url]
    assert {"CHANGELOG.md", "PRIVACY.md", "SECURITY.md", "docs/install.md"} == set(named)
    for document in ("CONTRIBUTING.md", "PRIVACY.md", "SECURITY.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        named += [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("https://")]
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_documents_for_contributors_name_targets_that_there_are() -> None:
    """Of make."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|\$ )make ([a-z]+)", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    assert named >= {"test", "check", "demo", "package", "bundle"}
    assert [target for target in named if not re.search(rf"^{target}\b[^:\n]*:", makefile, re.M)] == []


def test_nothing_that_is_stored_goes_unmentioned() -> None:
    """The privacy policy names every place that a workspace's folder has."""
    text = (ROOT / "PRIVACY.md").read_text(encoding="utf-8")
    for place in ("storykeeper.sqlite", "chat.sqlite", "elevenlabs.sqlite", "blobs/", "consent.key"):
        assert f"`{place}`" in text
    for word in ("ElevenLabs", "Google", "no telemetry", "--forget", "/forget-history", "export"):
        assert word in text
