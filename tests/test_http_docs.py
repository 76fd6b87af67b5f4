"""docs/http.md says what the server does."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import yaml

from storykeeper_server import connections
from storykeeper_server.grammar import parser
from storykeeper_server.mcp import gate, provider, workers
from storykeeper_server.mcp.draining import DRAIN_SECONDS
from storykeeper_server.mcp.scopes import NEEDED
from storykeeper_tools.access import SCOPES, read

DOC = (Path(__file__).parent.parent / "docs" / "http.md").read_text(encoding="utf-8")


def test_its_commands_are_understood() -> None:
    """As they are written."""
    commands = re.findall(r"^\$ storykeeper ([^>\n]*)", DOC, re.M)
    assert len(commands) == 2
    for command in commands:
        assert parser().parse_args(shlex.split(command)).http == "127.0.0.1:8000"


def test_its_settings_are_understood() -> None:
    """With tokens in the places of tokens."""
    said = [line.partition("=") for line in re.findall(r"^STORYKEEPER_HTTP_\w+=.+$", DOC, re.M) if "..." not in line]
    found = read({name: re.sub("TOKEN", "t" * 24, value) for name, _, value in said})
    assert [sorted(bearer.scopes) for bearer in found.tokens.values()][-1] == sorted(SCOPES)
    assert (found.hosts, found.issuer) == (("https://keeper.example.org",), "https://id.example.org/realms/family")


def test_each_scope_is_for_the_effects_that_it_names() -> None:
    """As the catalogue has them."""
    rows = re.findall(r"^\| `(\w+)` \| .*\(([^)]+)\)", DOC, re.M)
    told = {effect: scope for scope, effects in rows for effect in re.findall(r"`([^`]+)`", effects)}
    assert told == NEEDED


def test_its_figures_are_the_code_s() -> None:
    """Sizes and times."""
    assert gate.MOST_BYTES == 4 * 1024 * 1024
    assert f"headers {connections.HEAD_SECONDS:.0f} seconds" in DOC
    assert f"a body {gate.BODY_SECONDS:.0f} seconds" in DOC
    assert f"have {DRAIN_SECONDS:.0f} seconds to end" in DOC
    assert f"{provider.SKEW_SECONDS} seconds are forgiven" in DOC
    assert DRAIN_SECONDS + 3 < workers.ENDING_SECONDS


def test_what_it_says_of_compose_is_in_it() -> None:
    """The variables of `.env` are its secrets."""
    compose = yaml.safe_load((Path(__file__).parent.parent / "compose.yaml").read_text(encoding="utf-8"))
    block = DOC.partition("$ cat .env\n")[2].partition("$ docker")[0]
    assert set(re.findall(r"^(\w+)=", block, re.M)) == set(compose["secrets"])
