"""What the settings say, each read although others can't be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from storykeeper_tools.companion.recordings.thresholds import thresholds
from storykeeper_tools.elevenlabs.hosts import address
from storykeeper_tools.errors import BadInput
from storykeeper_tools.settings import SANDBOX, Settings

from .row import Row, note, ok, problem, refused

_NAME = re.compile(r"[A-Z]+(?:_[A-Z0-9]+)+")
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy")
MODEL = ("STORYKEEPER_MODEL", "GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_GENAI_USE_VERTEXAI")
ENVIRONMENT = (*_PROXIES, *MODEL)


def readable(read: Callable[[Mapping[str, str]], Settings]) -> tuple[Settings, list[Row]]:
    """The settings without those that can't be meant, and a row for each of these and for each warning."""
    rows: list[Row] = []
    blank: dict[str, str] = {}
    while True:
        try:
            settings = read(blank)
            address(settings.region, settings.url)
            thresholds(settings.preflight)
        except BadInput as error:
            left_out = [name for name in _NAME.findall(error.what + error.next) if name not in blank]
            if not left_out:
                raise
            rows.append(refused("settings", error))
            blank[left_out[0]] = ""
        else:
            warnings = [note("settings", warning, "correct it, or unset it") for warning in settings.warnings]
            return settings, [*rows, *warnings] or [ok("settings", "every setting is understood")]


def choices(settings: Settings, environ: Mapping[str, str]) -> Iterator[Row]:
    """Which way it is set to work: wrong only where it names what isn't there."""
    yield _model(environ)
    if settings.ca_file and not Path(settings.ca_file).is_file():
        yield problem("certificates", "SSL_CERT_FILE names no file", "correct it, or unset it")
    if settings.consent == "elicit":
        yield ok("consent", "only a person's own answer counts (elicit)")
    else:
        yield ok("consent", "whoever calls attests it, which a language model could do too (attest)")
    proxies = [name for name in _PROXIES if name in environ]
    if proxies and settings.workspace != SANDBOX:
        yield note("proxy", f"{', '.join(proxies)} is set and isn't used: the key goes to ElevenLabs and nobody else")


def _model(environ: Mapping[str, str]) -> Row:
    named, *access = (environ.get(name, "") for name in MODEL)
    if named.startswith("gemini-") and not any(access):
        return problem("model", f"{named} needs a Google key, and there is none", "set GOOGLE_API_KEY")
    if named or access[0]:
        return ok("model", named or "Gemini, with GOOGLE_API_KEY")
    return ok("model", "offline-rules: sentences in plain English; GOOGLE_API_KEY brings a language model")
