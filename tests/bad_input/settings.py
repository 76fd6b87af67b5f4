"""Rows of environments that a server may be started in."""

from __future__ import annotations

from dataclasses import dataclass, field

NOWHERE = "http://127.0.0.1:9"


@dataclass(frozen=True)
class Start:
    """`env` is put over a usual one; None takes a variable away, HERE in a value is a folder of the test's own. `code` is
    what `tool` answers, or 4 where the server doesn't start. `says` stands in what is said on stderr, or in the answer."""

    group: str
    what: str
    env: dict[str, str | None]
    code: str | int
    says: str = ""
    tool: str = "check_quota"
    arguments: dict[str, object] = field(default_factory=dict[str, object])


def _root(what: str, value: str) -> Start:
    return Start("A", f"{what} as an allowed folder", {"STORYKEEPER_FILES": value}, 4, "allowed folder")


def _url(what: str, value: str) -> Start:
    return Start("F", f"{what} as ElevenLabs", {"STORYKEEPER_ELEVENLABS_URL": value}, 4, "STORYKEEPER_ELEVENLABS_URL")


def _key(what: str, value: str | None, code: str = "auth_missing", says: str = "") -> Start:
    return Start("F", f"{what} for a key", {"ELEVENLABS_API_KEY": value}, code, says)


def _odd(name: str, value: str) -> Start:
    away = {"STORYKEEPER_ELEVENLABS_URL": None} if name == "STORYKEEPER_WORKSPACE" else {}
    return Start("F", f"{value!r} for {name}", {name: value, **away}, 4, name)


REFUSED = [
    _root("the whole disk", "/"),
    _root("all of home", "HERE"),
    _root("what is above home", "HERE/.."),
    _root("a missing folder", "HERE/missing"),
    _root("an unfilled template", "${STORIES}"),
    _root("an unfilled template among good ones", "HERE/state:${user_config.folder}"),
    _url("another host", "https://evil.example"),
    _url("a host that begins well", "https://api.elevenlabs.io.evil.example"),
    _url("a host that ends well", "https://evilelevenlabs.io"),
    _url("a host with somebody's name", "https://api.elevenlabs.io@evil.example"),
    _url("a host that looks like this machine", "http://127.0.0.1.evil.example"),
    _url("this machine as somebody's name", "http://127.0.0.1@evil.example"),
    _url("an open channel", "http://api.elevenlabs.io"),
    _url("a file", "file:///etc/passwd"),
    _url("an unfilled template", "${URL}"),
    _odd("STORYKEEPER_REGION", "mars"),
    _odd("STORYKEEPER_SANDBOX", "maybe"),
    _odd("STORYKEEPER_WORKSPACE", "../x"),
    _odd("STORYKEEPER_TOOLS", "some"),
    _odd("STORYKEEPER_CONSENT", "never"),
    _odd("STORYKEEPER_DATABASE_URL", "postgresql://user:hunter2@"),
    _odd("STORYKEEPER_REQUESTS_PER_SECOND", "NaN"),
    _odd("STORYKEEPER_PREFLIGHT", "snr_refuse=low"),
    Start("F", "both sandboxes", {"STORYKEEPER_SANDBOX": "1"}, 4, "exclude each other"),
]
STARTED = [
    Start("A", "no allowed folder", {"STORYKEEPER_FILES": None}, "file_refused", "STORYKEEPER_FILES", "inspect_recording", {"recordings": ["x"]}),
    _key("nothing", None),
    _key("blanks", " \t "),
    _key("a template", "${ELEVENLABS_API_KEY}", says="is ignored"),
    _key("two lines", "one\r\nx-evil: two", says="is ignored"),
    _key("letters that no header holds", "schlüssel", says="is ignored"),
    _key("a wrong one", "sk_hunter2_hunter2", "auth_invalid"),
    _key("the right one, with white space", "KEY\n", "ok"),
    Start("F", "a proxy that would see the key", {"HTTP_PROXY": NOWHERE, "HTTPS_PROXY": NOWHERE, "ALL_PROXY": NOWHERE, "http_proxy": NOWHERE}, "ok"),
    Start("F", "a misspelt setting", {"STORYKEEPER_FLIES": "x"}, "ok", "did you mean STORYKEEPER_FILES?"),
    Start("F", "another country, no language", {"LANG": "C", "LC_ALL": "C", "TZ": "Pacific/Kiritimati"}, "ok"),
    Start("F", "a time zone that there isn't", {"TZ": "Nowhere/At_All"}, "ok"),
    Start("F", "no home", {"HOME": None}, "ok"),
    Start("F", "a home that isn't there", {"HOME": "/proc/nowhere"}, "ok"),
    Start("F", "a state that can't be written", {"STORYKEEPER_HOME": "/proc/nowhere"}, "bad_input", "STORYKEEPER_HOME", "list_companions"),
    Start("F", "assertions taken out", {"PYTHONOPTIMIZE": "2"}, "ok"),
    Start("F", "warnings as errors", {"PYTHONWARNINGS": "error"}, "ok"),
]  # fmt: skip
