"""The layers are a test that can fail: each forbidden import, put into a copy of the code, is found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = {"storykeeper_tools": "tools", "storykeeper_server": "server", "storykeeper_orchestrator": "agents"}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The code and its contracts, somewhere else."""
    for package, root in PACKAGES.items():
        shutil.copytree(ROOT / root / package, tmp_path / package)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    return subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(folder), "PATH": ""}, capture_output=True, text=True, check=False
    )


def test_the_code_keeps_its_layers(copy: Path) -> None:
    """As it is."""
    done = lint(copy)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        ("storykeeper_tools/voices.py", "import mcp"),
        ("storykeeper_tools/companions.py", "import httpx"),
        ("storykeeper_tools/errors.py", "import storykeeper_server"),
        ("storykeeper_tools/companion/spec.py", "import storykeeper_tools.elevenlabs.client"),
        ("storykeeper_tools/elevenlabs/client.py", "import storykeeper_tools.provisioning.saga"),
        ("storykeeper_tools/voices.py", "import storykeeper_tools.agents"),
        ("storykeeper_server/sandbox/voices/voices.py", "import storykeeper_tools.companion.recording"),
        ("storykeeper_server/mcp/app.py", "import storykeeper_orchestrator"),
        ("storykeeper_orchestrator/workflow.py", "import storykeeper_server.wiring"),
        ("storykeeper_tools/new_module.py", "import json"),
    ],
)
def test_a_forbidden_import_is_found(copy: Path, module: str, forbidden: str) -> None:
    """Also a module that no layer names."""
    file = copy / module
    file.write_text((file.read_text() if file.exists() else "") + f"\n{forbidden}\n")
    assert lint(copy).returncode == 1
