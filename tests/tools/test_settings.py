"""Settings: typed, checked, and forgiving only where nothing can go wrong."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from storykeeper_server.wiring import wire
from storykeeper_tools.companion.recordings.thresholds import Thresholds, thresholds
from storykeeper_tools.elevenlabs.hosts import address
from storykeeper_tools.errors import BadInput
from storykeeper_tools.files import Files
from storykeeper_tools.settings import read

HOME = Path("/somewhere")


def test_nothing_set_is_the_real_service_without_a_key() -> None:
    """And no file may be read."""
    settings = read({}, HOME)
    assert (settings.api_key, settings.workspace, settings.files, settings.warnings) == (None, "main", (), ())
    assert settings.folder == HOME / "main"
    assert address(settings.region, settings.url) == "https://api.elevenlabs.io"


def test_a_key_is_never_shown() -> None:
    """Not even by accident, in a log of the settings."""
    assert "sk_secret" not in repr(read({"ELEVENLABS_API_KEY": "sk_secret"}, HOME))


@pytest.mark.parametrize(
    ("text", "key"), [("sk_1\n", "sk_1"), ("  sk_1 ", "sk_1"), ("", None), ("${KEY}", None), ("sk 1\r\nx: y", None)]
)
def test_a_key_is_cleaned_or_ignored(text: str, key: str | None) -> None:
    """A line break can never become a header."""
    assert read({"ELEVENLABS_API_KEY": text}, HOME).api_key == key


def test_a_databases_url_is_never_shown() -> None:
    """It holds a password; both ways to write it are the same database."""
    settings = read({"STORYKEEPER_DATABASE_URL": " postgres://keeper:sk_secret@db.example:5433/storykeeper\n"}, HOME)
    assert settings.database_url == "postgresql://keeper:sk_secret@db.example:5433/storykeeper"
    keeper = wire(settings, files=Files())
    assert not any("sk_secret" in text for text in (repr(settings), repr(keeper), str(keeper.engine)))


def test_the_sandbox_and_this_machine_are_the_sandbox_workspace() -> None:
    """Nothing that isn't real can mix with what is."""
    assert read({"STORYKEEPER_SANDBOX": "1", "STORYKEEPER_WORKSPACE": "family"}, HOME).workspace == "sandbox"
    assert read({"STORYKEEPER_ELEVENLABS_URL": "http://127.0.0.1:8765"}, HOME).workspace == "sandbox"


@pytest.mark.parametrize(
    "environ",
    [
        {"STORYKEEPER_SANDBOX": "1", "STORYKEEPER_ELEVENLABS_URL": "https://api.elevenlabs.io"},
        {"STORYKEEPER_SANDBOX": "maybe"},
        {"STORYKEEPER_REGION": "moon"},
        {"STORYKEEPER_WORKSPACE": "../x"},
        {"STORYKEEPER_WORKSPACE": "sandbox"},
        {"STORYKEEPER_CONSENT": "never"},
        *(
            {"STORYKEEPER_DATABASE_URL": url}
            for url in (
                "sqlite:///here.db",
                "postgresql+psycopg://u:sk_secret@h/d",
                "postgresql://u:sk_secret@h",
                "postgresql://u:sk_secret@h/",
                "postgresql://u:sk_secret@h:port/d",
                "postgresql://u:sk%_secret@h/d",
                "postgresql://u:${sk_secret}@h/d",
                "postgresql://u:sk_secret#@h/d",
                "postgresql://u:sk_secret@h/d e",
            )
        ),
        {"STORYKEEPER_REQUESTS_PER_SECOND": "0"},
        {"STORYKEEPER_REQUESTS_PER_SECOND": "nan"},
        {"STORYKEEPER_REQUESTS_PER_SECOND": "1e3"},
        {"STORYKEEPER_REQUESTS_PER_SECOND": "1001"},
        *(
            {"STORYKEEPER_FIRESTORE": place}
            for place in ("/memories", "a-project/", "a/b/c/d", "a project", "${PROJECT}")
        ),
        *(
            {"STORYKEEPER_PREFLIGHT": pairs}
            for pairs in ("snr_refuse", "snr_refuse=x", "snr=1;a=2", "a=1,a=2", "a=nan")
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(environ: dict[str, str]) -> None:
    """Naming the variable, and nothing secret that it holds."""
    with pytest.raises(BadInput, match="STORYKEEPER") as refused:
        read(environ, HOME)
    assert "secret" not in str(refused.value)


def test_thresholds_for_recordings_are_pairs() -> None:
    """Those that aren't set stay as they are."""
    settings = read({"STORYKEEPER_PREFLIGHT": " snr_refuse=8, quiet_refuse = -50.5,"}, HOME)
    assert settings.preflight == {"snr_refuse": 8, "quiet_refuse": -50.5}
    assert thresholds(settings.preflight) == Thresholds(snr_refuse=8, quiet_refuse=-50.5)


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ("snr_refused=8", "no threshold 'snr_refused'; did you mean snr_refuse?"),
        ("clipping_refuse=7", "can't be meant"),
    ],
)
def test_a_threshold_that_is_none_is_refused_at_the_start(pairs: str, told: str) -> None:
    """With the nearest that is one."""
    with pytest.raises(BadInput, match=re.escape(told)):
        wire(read({"STORYKEEPER_PREFLIGHT": pairs}, HOME), files=Files())


@pytest.mark.parametrize("place", ["a-project", "a-project/memories", "a-project/(default)/memories"])
def test_where_memories_are_kept_by_an_id(place: str) -> None:
    """A project, a database and a collection of Firestore."""
    assert read({"STORYKEEPER_FIRESTORE": f" {place}\n"}, HOME).firestore == place


@pytest.mark.parametrize(
    ("environ", "rate"),
    [
        ({}, 10),
        ({"STORYKEEPER_SANDBOX": "1"}, None),
        ({"STORYKEEPER_ELEVENLABS_URL": "http://127.0.0.1:9"}, None),
        ({"STORYKEEPER_SANDBOX": "1", "STORYKEEPER_REQUESTS_PER_SECOND": " 2.5 "}, 2.5),
    ],
)
def test_requests_to_the_real_service_take_turns(environ: dict[str, str], rate: float | None) -> None:
    """The sandbox is as quick as it can be, unless told otherwise; all that share a workspace share its turns."""
    settings = read(environ, HOME)
    pace = wire(settings, files=Files()).elevenlabs.link.pace
    assert settings.requests_per_second == rate
    assert (pace.rate, pace.path.parent) == (rate, settings.folder) if pace else rate is None


def test_a_misspelt_setting_is_pointed_out() -> None:
    """With the nearest real one."""
    [warning] = read({"STORYKEEPER_FILE": "/x"}, HOME).warnings
    assert "STORYKEEPER_FILES" in warning


@pytest.mark.parametrize(
    "url",
    [
        "http://api.elevenlabs.io",
        "https://elevenlabs.io.evil.example",
        "https://evil.example",
        "https://user@api.elevenlabs.io",
        "http://127.0.0.1.evil.example",
        "http://169.254.169.254",
    ],
)
def test_the_key_goes_to_elevenlabs_or_this_machine_only(url: str) -> None:
    """Any other address is refused."""
    with pytest.raises(BadInput):
        address("default", url)


@pytest.mark.parametrize(
    "url", ["https://api.elevenlabs.io", "http://127.0.0.1:9/x/", "http://[::1]:9", "http://localhost"]
)
def test_known_addresses_are_taken(url: str) -> None:
    """Without a slash at the end."""
    assert address("default", url) == url.rstrip("/")
