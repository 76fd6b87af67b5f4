"""The Dockerfile and compose.yaml, without an engine: what they name is there, understood, and as safe as docs/http.md says."""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import httpx
import pytest
import yaml

from postgres import PASSWORD, Server
from processes import PATIENCE, Place, place
from storykeeper_server.grammar import parser
from storykeeper_tools.settings import KNOWN

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
LINES = [line for line in re.sub(r"\\\n\s*", "", DOCKERFILE).splitlines() if line and not line.startswith("#")]
STEPS = [(word, rest) for word, _, rest in (line.partition(" ") for line in LINES)]
KEEPER, DB = COMPOSE["services"]["keeper"], COMPOSE["services"]["db"]


def steps(word: str) -> list[str]:
    return [rest for step, rest in STEPS if step == word]


def copied() -> list[str]:
    """What of this repository goes into the image."""
    of_ours = [shlex.split(rest) for rest in steps("COPY") if "--from=" not in rest]
    return [word for words in of_ours for word in words[:-1] if not word.startswith("--")]


def test_a_linter_has_nothing_to_say() -> None:
    """hadolint, with its own rules and those of ShellCheck."""
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if linter is None:
        there = (sys.platform, platform.machine()) == ("linux", "x86_64")
        assert not (os.environ.get("CI") and there), "in CI hadolint must be there"
        pytest.skip("NOT LINTED: there is no hadolint for this machine")
    done = subprocess.run([linter, "--no-color", str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_all_that_is_copied_is_there_and_let_in() -> None:
    """And nothing else is: what is built from is a list, not a folder."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = [line[1:] for line in ignored if line.startswith("!")]
    assert "*" in ignored
    assert sorted(copied()) == sorted(let_in)
    assert all((ROOT / path).exists() for path in copied())


def test_what_is_copied_is_enough_to_build_from(tmp_path: Path) -> None:
    """A wheel, as the image has it, with the command that it starts."""
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("**/")]

    def left_out(folder: str, names: list[str]) -> set[str]:
        return {name for name in names for pattern in ignored if fnmatch(name, pattern.removeprefix("**/"))}

    for path in copied():
        target = tmp_path / "source" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / path).is_dir():
            shutil.copytree(ROOT / path, target, ignore=left_out)
        else:
            shutil.copy(ROOT / path, target)
    [command] = [rest for rest in steps("RUN") if "--no-build-isolation" in rest]
    assert "pip install --no-deps --no-build-isolation ." in command
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(build, cwd=tmp_path / "source", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.glob("storykeeper-*.whl"))


def test_it_installs_only_what_is_pinned() -> None:
    """With hashes, and compiled: where it runs nothing can be written."""
    installs = [part for rest in steps("RUN") for part in rest.split(" && ") if part.startswith("pip install")]
    assert installs
    assert all("--require-hashes" in part or "--no-deps" in part for part in installs)
    assert any("compileall" in rest for rest in steps("RUN"))


def test_it_runs_as_nobody_in_particular_and_holds_no_secret() -> None:
    """Neither a root nor a key."""
    assert steps("USER") == ["10001"]
    assert STEPS.index(("USER", "10001")) < [word for word, _ in STEPS].index("ENTRYPOINT")
    told = " ".join(steps("ENV") + steps("ARG"))
    assert set(re.findall(r"STORYKEEPER_\w+", told)) <= set(KNOWN)
    assert not re.search("KEY|TOKEN|PASSWORD|SECRET", told)


@pytest.mark.parametrize("command", [json.loads(steps("CMD")[-1]), KEEPER["command"]], ids=["image", "compose"])
def test_its_command_is_one(command: list[str]) -> None:
    """It serves to the network, where it refuses to start unless callers are checked."""
    assert parser().parse_args(command).http == "0.0.0.0:8000"
    assert steps("EXPOSE") == ["8000"]


def test_secrets_are_files_and_the_rest_are_settings() -> None:
    """Names that exist; the database's password reaches both, and stands in no variable."""
    assert set(KEEPER["environment"]) <= set(KNOWN)
    assert set(KEEPER["secrets"]) <= {*KNOWN, "ELEVENLABS_API_KEY", "PGPASSWORD"}
    assert set(COMPOSE["secrets"]) == {*KEEPER["secrets"], *DB["secrets"]}
    assert all(secret == {"environment": name} for name, secret in COMPOSE["secrets"].items())
    assert DB["environment"]["POSTGRES_PASSWORD_FILE"] == "/run/secrets/PGPASSWORD"
    assert not re.search(r"postgresql://\w+:", KEEPER["environment"]["STORYKEEPER_DATABASE_URL"])


def test_services_are_shut_in() -> None:
    """Postgres is reached by the keeper alone; the keeper can write its state and nothing else."""
    assert "ports" not in DB
    assert (DB["networks"], COMPOSE["networks"]["back"]) == (["back"], {"internal": True})
    assert all(port.startswith("127.0.0.1:") for port in KEEPER["ports"])
    assert (KEEPER["read_only"], KEEPER["cap_drop"]) == (True, ["ALL"])
    assert KEEPER["security_opt"] == ["no-new-privileges:true"]
    assert KEEPER["depends_on"] == {"db": {"condition": "service_healthy"}}
    named = [volume.partition(":") for service in (KEEPER, DB) for volume in service["volumes"]]
    assert {name for name, _, _ in named if not name.startswith(".")} == set(COMPOSE["volumes"])
    assert {where for _, _, where in named} >= {"/var/lib/storykeeper", "/recordings:ro"}


def test_it_is_given_longer_to_end_than_it_takes() -> None:
    """Or it would be killed in the middle of a call."""
    from storykeeper_server.mcp.workers import ENDING_SECONDS

    assert float(KEEPER["stop_grace_period"].removesuffix("s")) > ENDING_SECONDS


def test_its_entrypoint_starts_a_server_that_is_healthy(tmp_path: Path, postgres_server: Server) -> None:
    """As in the container: secrets from files, Postgres behind it, two workers, and the image's own check of health."""
    [check] = [json.loads(rest.partition("CMD ")[2]) for rest in steps("HEALTHCHECK")]
    secrets = {
        "ELEVENLABS_API_KEY": "sandbox",
        "PGPASSWORD": PASSWORD,
        "STORYKEEPER_HTTP_TOKENS": f"desk:read:{'t' * 24}",
    }
    (tmp_path / "secrets").mkdir()
    for name, value in secrets.items():
        (tmp_path / "secrets" / name).write_text(f"{value}\n")
    url = postgres_server.database().replace(f":{PASSWORD}@", "@")
    with place(tmp_path / "home", STORYKEEPER_DATABASE_URL=url, SECRETS=str(tmp_path / "secrets")) as here:
        process = entered(here, [*KEEPER["command"][:2], "127.0.0.1:0", *KEEPER["command"][3:]])
        try:
            assert process.stdout
            address = httpx.URL(process.stdout.readline().strip())
            healthy = [word.replace("8000", str(address.port)) for word in [sys.executable, *check[1:]]]
            # As the engine does while a container starts: again until it is healthy.
            first = next((done for done in (checked(healthy) for _ in range(10)) if done.returncode == 0), None)
            refused = httpx.post(address, json={}, trust_env=False)
        finally:
            process.terminate()
            _, err = process.communicate(timeout=PATIENCE)
        gone = checked(healthy)
    assert first, err
    assert (refused.status_code, process.returncode) == (401, 0), err
    assert gone.returncode != 0


def checked(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, timeout=PATIENCE, capture_output=True, text=True, check=False)


def entered(here: Place, command: list[str]) -> subprocess.Popen[str]:
    """The container's entrypoint, with the `storykeeper` that runs these tests."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = {name: value for name, value in here.env.items() if name != "ELEVENLABS_API_KEY"}
    return subprocess.Popen(
        [str(ROOT / "docker" / "entrypoint.sh"), *command],
        env={**variables, "PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
