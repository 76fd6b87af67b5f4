"""What a package index would give: a wheel that is built here, installed alone, and started."""

from __future__ import annotations

import contextlib
import email
import os
import re
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import PackageNotFoundError, PackagePath, distribution
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """By the project's own build backend."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    [built] = folder.glob("*.whl")
    return built


def test_the_wheel_holds_the_packages_and_the_page_if_it_is_built(wheel: Path) -> None:
    """No tests, no sources of the page."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"storykeeper_server", "storykeeper_tools", "storykeeper_orchestrator"}
    assert not [name for name in names if re.search(r"/(tests|evals|web|node_modules)/", name)]
    built = (ROOT / "server/storykeeper_server/talk/assets/index.html").exists()
    assert ("storykeeper_server/talk/assets/index.html" in names) is built
    assert {f"{top}/py.typed" for top in tops} <= set(names)


def test_its_description_stands_on_its_own(wheel: Path) -> None:
    """Links lead to the repository, as of this version; the registry's line is there; it says what it needs."""
    with zipfile.ZipFile(wheel) as archive:
        [place] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        told = email.message_from_bytes(archive.read(place))
    text = str(told.get_payload())
    links = re.findall(r"\]\(([^)]+)\)", text)
    base = f"https://github.com/storykeeper/storykeeper/blob/v{told['Version']}/"
    assert len(links) > 10
    assert [link for link in links if not link.startswith("https://")] == []
    inside = [link.removeprefix(base).partition("#")[0] for link in links if link.startswith(base)]
    assert [path for path in inside if not (ROOT / path).exists()] == []
    assert "<!-- mcp-name: io.github.storykeeper/storykeeper -->" in text
    assert told["Description-Content-Type"] == "text/markdown"
    assert told["Requires-Python"] == ">=3.11"


def test_installed_alone_it_starts(wheel: Path, tmp_path: Path) -> None:
    """With what it says it needs, and none of what the tests need: as uvx would run it."""
    home = tmp_path / "env"
    venv.create(home, with_pip=True)
    command = [str(home / "bin" / "python"), "-m", "pip", "install", "-q", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(command, capture_output=True, check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    [packages] = (home / "lib").glob("python3*/site-packages")
    lend(packages)
    assert not (packages / "pytest").exists()
    script = home / "bin" / "storykeeper"
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    version = subprocess.run([script, "--version"], env=environ, capture_output=True, text=True, check=True)
    assert version.stdout == f"storykeeper {distribution('storykeeper').version}\n"

    async def listed() -> int:
        server = StdioServerParameters(command=str(script), args=["mcp"], env=environ, cwd=tmp_path)
        async with Client(stdio_client(server)) as client:
            return len((await client.list_tools()).tools)

    assert anyio.run(listed) == 20


def lend(packages: Path) -> None:
    """Links to the files of what is pinned for running, package by package: nothing else is there to be imported."""
    pinned = (ROOT / "requirements" / "run.txt").read_text(encoding="utf-8")
    for name in set(re.findall(r"^([\w.-]+)(?:\[.*\])?==", pinned, re.M)):
        with contextlib.suppress(PackageNotFoundError):  # another system's, or another Python's
            for file in distribution(name).files or ():
                link(packages, file)


def link(packages: Path, file: PackagePath) -> None:
    there = packages / file
    if ".." in file.parts or file.suffix == ".pyc" or there.exists():
        return
    there.parent.mkdir(parents=True, exist_ok=True)
    there.symlink_to(file.locate())
