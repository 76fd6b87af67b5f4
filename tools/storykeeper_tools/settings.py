"""Typed settings, from a mapping: the two composition roots read the environment, this module never does."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from . import access, reporting
from .access import Access
from .errors import BadInput
from .reporting import Reporting

Region = Literal["default", "us", "eu", "in", "sg"]
Consenting = Literal["attest", "elicit"]
Offer = Literal["all", "companion"]

KNOWN = (
    "STORYKEEPER_REGION",
    "STORYKEEPER_ELEVENLABS_URL",
    "STORYKEEPER_WORKSPACE",
    "STORYKEEPER_FILES",
    "STORYKEEPER_HOME",
    "STORYKEEPER_DATABASE_URL",
    "STORYKEEPER_MODEL",
    "STORYKEEPER_MODEL_CALLS",
    "STORYKEEPER_MODEL_TOKENS",
    "STORYKEEPER_MODEL_PRICE",
    "STORYKEEPER_CONSENT",
    "STORYKEEPER_TOOLS",
    "STORYKEEPER_READ_ONLY",
    "STORYKEEPER_SANDBOX",
    "STORYKEEPER_REQUESTS_PER_SECOND",
    "STORYKEEPER_FIRESTORE",
    "STORYKEEPER_PREFLIGHT",
    "STORYKEEPER_TALK_LIMITS",
    "STORYKEEPER_TALK_TOKENS",
    *access.KNOWN,
    *reporting.KNOWN,
)
SANDBOX = "sandbox"
SANDBOX_KEY = "sandbox"
# Several people's work at once, and well below what accounts are known to be refused for.
USUAL_PACE = 10.0

Word = TypeVar("Word", bound=str)


@dataclass(frozen=True, slots=True)
class Settings:
    """`url` is None for the region's own address; `files` are the folders that tools may read."""

    home: Path
    api_key: str | None = field(default=None, repr=False)
    region: Region = "default"
    url: str | None = None
    database_url: str | None = field(default=None, repr=False)
    workspace: str = "main"
    files: tuple[Path, ...] = ()
    consent: Consenting = "attest"
    tools: Offer = "all"
    read_only: bool = False
    sandbox: bool = False
    ca_file: str | None = None
    requests_per_second: float | None = None
    firestore: str | None = None
    preflight: Mapping[str, float] = field(default_factory=dict[str, float])
    talk_limits: Mapping[str, int] = field(default_factory=dict[str, int])
    talk_tokens: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    http: Access = field(default_factory=Access)
    reporting: Reporting = field(default_factory=Reporting)
    warnings: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Everything this workspace keeps: nothing crosses workspaces, nor from one local sandbox to another."""
        port = re.search(r":(\d+)(/|$)", self.url or "")
        return self.home / (f"{SANDBOX}-{port[1]}" if self.workspace == SANDBOX and port else self.workspace)


def read(environ: Mapping[str, str], home: Path) -> Settings:
    """Settings from environment variables; `home` is where state lives unless STORYKEEPER_HOME says otherwise.

    Raises BadInput for a value that cannot be meant; unknown STORYKEEPER_ names become warnings.
    """
    sandbox = switch(environ, "STORYKEEPER_SANDBOX")
    url = environ.get("STORYKEEPER_ELEVENLABS_URL", "").strip() or None
    if sandbox and url:
        raise BadInput("the sandbox and STORYKEEPER_ELEVENLABS_URL exclude each other", next="unset one of them")
    key, doubt = api_key(environ.get("ELEVENLABS_API_KEY", ""))
    local = sandbox or (url is not None and loopback(url))
    return Settings(
        home=Path(environ.get("STORYKEEPER_HOME") or home),
        api_key=SANDBOX_KEY if sandbox else key,
        region=choice(environ, "STORYKEEPER_REGION", ("default", "us", "eu", "in", "sg")),
        url=url,
        database_url=database(environ),
        workspace=SANDBOX if local else workspace(environ.get("STORYKEEPER_WORKSPACE") or "main"),
        files=tuple(Path(p) for p in environ.get("STORYKEEPER_FILES", "").split(os.pathsep) if p),
        consent=choice(environ, "STORYKEEPER_CONSENT", ("attest", "elicit")),
        tools=choice(environ, "STORYKEEPER_TOOLS", ("all", "companion")),
        read_only=switch(environ, "STORYKEEPER_READ_ONLY"),
        sandbox=sandbox,
        ca_file=environ.get("SSL_CERT_FILE") or None,
        requests_per_second=pace(environ, None if local else USUAL_PACE),
        firestore=firestore(environ),
        preflight=preflight(environ),
        talk_limits=talk_limits(environ),
        talk_tokens=talk_tokens(environ),
        http=access.read(environ),
        reporting=reporting.read(environ),
        warnings=(*doubt, *unknown(environ)),
    )


def api_key(text: str) -> tuple[str | None, tuple[str, ...]]:
    """The key without stray white space; None, and why, for what cannot be one (an unfilled `${KEY}`, say)."""
    key = text.strip()
    if not key:
        return None, ()
    if re.fullmatch(r"[!-~]+", key) and "${" not in key:
        return key, ()
    return None, ("ELEVENLABS_API_KEY holds characters that no key has; it is ignored",)


def loopback(url: str) -> bool:
    """Whether a URL is this machine's own: such an ElevenLabs is always a sandbox."""
    return re.match(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/|$)", url) is not None


def workspace(name: str) -> str:
    """A local name that is safe as a folder's; `sandbox` is kept for what is not real."""
    if name == SANDBOX or not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,31}", name):
        raise BadInput(
            "STORYKEEPER_WORKSPACE is not a usable name", next="use lower-case letters, digits, - and _; not 'sandbox'"
        )
    return name


def database(environ: Mapping[str, str]) -> str | None:
    """Where the state lies when not in a file: a Postgres URL, none of which is ever told but host and port."""
    name = "STORYKEEPER_DATABASE_URL"
    url = re.sub("^postgres:", "postgresql:", environ.get(name, "").strip())
    if not url:
        return None
    next = f"set it to one such as postgresql://user:password@host:5432/database, or unset {name} to use a file"
    if not re.match(r"postgresql://[^/?#]*/[^/?#]+(\?|$)", url) or re.search(r"[^!-~]|%(?![0-9a-fA-F]{2})|#|\$\{", url):
        raise BadInput(f"{name} is not the URL of a Postgres database", next=next)
    try:
        _ = urlsplit(url).port
    except ValueError:
        raise BadInput(f"{name} names no host and port", next=next) from None  # it would quote the URL
    return url


def choice(environ: Mapping[str, str], name: str, options: tuple[Word, ...]) -> Word:
    """One of a few words; the first is the default."""
    value = environ.get(name, "").strip().lower() or options[0]
    for option in options:
        if value == option:
            return option
    raise BadInput(f"{name} is not one of {', '.join(options)}", next=f"set it to one of them, or unset {name}")


def switch(environ: Mapping[str, str], name: str) -> bool:
    """On for 1, true, yes, on; off for 0, false, no, off and nothing."""
    value = environ.get(name, "").strip().lower()
    if value in {"1", "true", "yes", "on"}:
        return True
    if value in {"", "0", "false", "no", "off"}:
        return False
    raise BadInput(f"{name} is neither on nor off", next="set it to 1 or 0")


def pace(environ: Mapping[str, str], usual: float | None) -> float | None:
    """How many requests a second all processes of a workspace may send; None is as many as they like."""
    name = "STORYKEEPER_REQUESTS_PER_SECOND"
    text = environ.get(name, "").strip()
    if not text:
        return usual
    if re.fullmatch(r"\d{1,4}(\.\d{1,3})?", text) and 0.1 <= float(text) <= 1000:
        return float(text)
    raise BadInput(f"{name} is not a number from 0.1 to 1000", next=f"set it to one, or unset {name}")


def firestore(environ: Mapping[str, str]) -> str | None:
    """Where memories are kept by an id: PROJECT, PROJECT/COLLECTION, or PROJECT/DATABASE/COLLECTION."""
    name = "STORYKEEPER_FIRESTORE"
    text = environ.get(name, "").strip()
    if not text or re.fullmatch(r"[a-z0-9][a-z0-9.:-]*(/[\w().-]{1,100}){0,2}", text):
        return text or None
    raise BadInput(f"{name} names no place in Firestore", next="set it to PROJECT, or to PROJECT/COLLECTION")


def preflight(environ: Mapping[str, str]) -> dict[str, float]:
    """Thresholds for recordings that are not the usual ones, as in `snr_refuse=8,speech_refuse=20`."""
    name = "STORYKEEPER_PREFLIGHT"
    chosen: dict[str, float] = {}
    for pair in filter(None, (part.strip() for part in environ.get(name, "").split(","))):
        found = re.fullmatch(r"([a-z_]+)\s*=\s*(-?\d{1,9}(?:\.\d{1,9})?)", pair)
        if not found or found[1] in chosen:
            raise BadInput(
                f"{name} is not made of pairs", next=f"write it as snr_refuse=8,speech_refuse=20, or unset {name}"
            )
        chosen[found[1]] = float(found[2])
    return chosen


def talk_limits(environ: Mapping[str, str]) -> dict[str, int]:
    """How many talks may be begun in ten minutes, as in `caller=30,total=120`."""
    name = "STORYKEEPER_TALK_LIMITS"
    chosen: dict[str, int] = {}
    for pair in filter(None, (part.strip() for part in environ.get(name, "").split(","))):
        found = re.fullmatch(r"(caller|total)\s*=\s*([1-9]\d{0,4})", pair)
        if not found or found[1] in chosen:
            raise BadInput(f"{name} holds no limits", next=f"write it as caller=30,total=120, or unset {name}")
        chosen[found[1]] = int(found[2])
    return chosen


def talk_tokens(environ: Mapping[str, str]) -> dict[str, str]:
    """Who may ask for a talk other than through the page, and with which token, as in `website:TOKEN,app:TOKEN`."""
    name = "STORYKEEPER_TALK_TOKENS"
    chosen: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in environ.get(name, "").split(","))):
        found = re.fullmatch(r"([A-Za-z0-9_-]{1,32}):([A-Za-z0-9._~+/=-]{24,200})", pair)
        if not found or found[1] in chosen:
            raise BadInput(
                f"{name} is not made of names with tokens",
                next=f"write it as website:TOKEN, each token of at least 24 letters and digits, or unset {name}",
            )
        chosen[found[1]] = found[2]
    return chosen


def unknown(environ: Mapping[str, str]) -> tuple[str, ...]:
    """A sentence for each STORYKEEPER_ name that nothing reads, with the nearest real one."""
    strays = sorted(name for name in environ if name.startswith("STORYKEEPER_") and name not in KNOWN)
    return tuple(f"{name} is not a setting{suggestion(name)}" for name in strays)


def suggestion(name: str) -> str:
    near = difflib.get_close_matches(name, KNOWN, n=1)
    return f"; did you mean {near[0]}?" if near else ""
