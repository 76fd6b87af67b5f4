"""The way to the orchestrator: found by its entry points, so that the server doesn't know it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from storykeeper_tools.errors import AuthMissing, BadInput
from storykeeper_tools.files import allow, everything
from storykeeper_tools.settings import Settings

LONGEST = 10_000  # characters of what is said at once


def orchestrator(name: str) -> Any:
    """`oneshot`, `plan` or `chat`."""
    return next(iter(entry_points(group="storykeeper.orchestrator", name=name))).load()


def sayable(text: str) -> str:
    """What somebody says, as text that can be sent and stored. Raises BadInput for nothing, and for a whole book."""
    said = "".join(c for c in text.encode("utf-8", "replace").decode() if c.isprintable() or c in "\n\t").strip()
    if not said:
        raise BadInput(
            "nothing was said", next='say what is wished, such as "make a companion of my mother from mum.m4a"'
        )
    if len(said) > LONGEST:
        what = f"that is {len(said):,} characters, and a wish has at most {LONGEST:,}"
        raise BadInput(what, next="put what there is to tell into a file, and name that file as memories")
    return said


def mentioned(sentence: str) -> list[Path]:
    """The files and folders that a sentence names: whoever types a path means it to be read."""
    quoted = [said[1:-1] for said in re.findall(r"\"[^\"\n]+\"|'[^'\n]+'", sentence)]
    words = [*quoted, *(word.strip(".,;:!?()\"'") for word in sentence.split())]
    paths = [Path(word) for word in words if os.sep in word and os.path.exists(word)]
    return [path for path in paths if not everything(path.resolve(), Path.home())]


def surroundings(settings: Settings, named: Iterable[Path]) -> Mapping[str, str]:
    """The orchestrator's environment, over ours, with the files that were `named`. Raises what would stop its tool
    server from starting."""
    if settings.api_key is None:
        raise AuthMissing("there is no ElevenLabs key")
    allow(settings.files, home=Path.home())
    files = os.pathsep.join(map(str, [*settings.files, *named]))
    return {"STORYKEEPER_FILES": files, **({"STORYKEEPER_SANDBOX": "1"} if settings.sandbox else {})}
