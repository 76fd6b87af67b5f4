"""Companions as files describe them: `companion.yaml`, read as a whole before anything is done with one of them."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ..errors import BadInput, FileRefused
from ..files import Files, allow, existing, label, named
from .consent import misfit
from .lines import Place, Unreadable, parse
from .spec import Spec, name_key, worded

ENDINGS = (".yaml", ".yml", ".json")
LARGEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a file, and where. Never a value of it."""

    file: str
    line: int | None
    what: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.what}" if self.line else f"{self.file}: {self.what}"


class Misread(BadInput):
    """Files that can't be meant; `faults` has all that is wrong with all of them."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
        super().__init__("; ".join(map(str, faults[:3])) + more, next="mend what is named and call again")
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class Written:
    """A spec, and the file that it stands in."""

    file: str
    spec: Spec


def load(path: Path) -> Spec:
    """The spec in one file; its paths are relative to the file. Raises Misread."""
    return read([str(path)])[0].spec


def read(paths: Sequence[str]) -> list[Written]:
    """The specs of files and of folders, each file once. Raises Misread with every fault of every file."""
    written: list[Written] = []
    faults: list[Fault] = []
    for path in _files(paths, faults):
        one = _one(path)
        if isinstance(one, Written):
            written.append(one)
        else:
            faults += one
    faults += _twice(written)
    if faults:
        raise Misread(faults)
    return written


def is_spec(name: str) -> bool:
    """Whether a file of a folder describes a companion: `companion.yaml`, `dorothy.companion.yaml`."""
    return any(name == f"companion{e}" or name.endswith(f".companion{e}") for e in ENDINGS)


def _files(paths: Sequence[str], faults: list[Fault]) -> list[Path]:
    """Each file once, however it is named."""
    found: dict[Path, Path] = {}
    for path in map(Path, paths):
        inside = _inside(path) if os.path.isdir(path) else [path]
        if not inside:
            faults.append(Fault(str(path), None, "there is no companion.yaml in this folder, or in one of it"))
        for file in inside:
            found.setdefault(file.resolve(), file)
    return list(found.values())


def _inside(folder: Path) -> list[Path]:
    """Of a folder and of those in it, but no deeper; hidden ones left out."""
    folders = [folder, *sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith("."))]
    return [file for f in folders for file in sorted(f.iterdir()) if is_spec(file.name) and file.is_file()]


def _one(path: Path) -> Written | list[Fault]:
    file = str(path)
    try:
        lined = parse(_text(path), as_json=path.suffix == ".json")
    except Unreadable as error:
        return [Fault(file, error.line or None, error.what)]
    faults = [Fault(file, line, f"{_dotted(place)}: it is said twice") for place, line in lined.repeated]
    try:
        spec = Spec.model_validate(lined.data)
    except ValidationError as error:
        return faults + [Fault(file, lined.line(place), what) for place, what in _faults(error)]
    faults += [Fault(file, lined.line(place), what) for place, what in _missing(path, spec)]
    return faults or Written(file, _placed(spec, path.parent))


def _text(path: Path) -> str:
    """Raises Unreadable; its line is 0 where the file as a whole is meant."""
    try:
        with named(path) as file:
            data = file.read(LARGEST + 1)
    except (FileRefused, OSError):
        raise Unreadable(0, "it isn't there, or is no plain file that may be read") from None
    if len(data) > LARGEST:
        raise Unreadable(0, "it is larger than 1 MB, which no companion needs")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable(data[: error.start].count(b"\n") + 1, "it is not UTF-8") from error


def _faults(error: ValidationError) -> Iterator[tuple[Place, str]]:
    for found in error.errors(include_url=False, include_input=False, include_context=False):
        place = found["loc"]
        yield place, f"{_dotted(place)}: {_sentence(found['type'], found['msg'], place)}"


def _sentence(kind: str, said: str, place: Place) -> str:
    if kind == "extra_forbidden":
        return f"there is no such key{_nearest(str(place[-1]), _keys(place[:-1]))}"
    if kind == "missing":
        return "it is missing"
    if kind == "string_type":
        return f"{said}; put a date or a number in quotes"
    if kind == "model_type":
        return f"it needs keys and values: {', '.join(_keys(place))}"
    return worded(said)


def _nearest(key: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}"


def _keys(place: Place) -> list[str]:
    """The keys that a mapping of the spec may have."""
    model: type[BaseModel] = Spec
    for part in place:
        kind: Any = model.model_fields[str(part)].annotation
        model = next(k for k in (kind, *get_args(kind)) if isinstance(k, type) and issubclass(k, BaseModel))
    return list(model.model_fields)


def _missing(path: Path, spec: Spec) -> Iterator[tuple[Place, str]]:
    """Files that aren't there, and a consent that can't be right: what would only show once much is done."""
    for kind in ("recordings", "memories"):
        for n, name in enumerate(getattr(spec, kind)):
            if existing(path.parent / name) is None:
                yield (kind, n), f"{kind}: {label(name)} isn't there"
    if spec.consent:
        if spec.consent.evidence and existing(path.parent / spec.consent.evidence) is None:
            yield ("consent", "evidence"), f"consent.evidence: {label(spec.consent.evidence)} isn't there"
        wrong = misfit(spec.consent.kind, spec.subject.status, spec.consent.granted_by, spec.subject.name)
        if wrong:
            yield ("consent",), f"consent: {wrong}"


def _placed(spec: Spec, folder: Path) -> Spec:
    placed: dict[str, Any] = {
        kind: [str(folder / name) for name in getattr(spec, kind)] for kind in ("recordings", "memories")
    }
    if spec.consent and spec.consent.evidence:
        evidence = str(folder / spec.consent.evidence)
        placed["consent"] = spec.consent.model_copy(update={"evidence": evidence})
    # A file says everything: what it leaves out counts as said, and so is taken away.
    return Spec.model_validate(spec.model_copy(update=placed).model_dump())


def _twice(written: Sequence[Written]) -> Iterator[Fault]:
    """Two files that mean one companion: one of them would be lost in silence."""
    known: dict[object, str] = {}
    bearers = Counter(name_key(one.spec.subject.name) for one in written)
    for one in written:
        name = name_key(one.spec.subject.name)
        # Only namesakes' recordings are read here; most are never compared.
        same: list[object] = [(name, _contents(one.spec))] if bearers[name] > 1 else []
        if one.spec.companion not in {None, "new"}:
            same.append(one.spec.companion)
        first = next((known[key] for key in same if key in known), None)
        if first:
            yield Fault(one.file, None, f"it means the same companion as {first}")
        known |= dict.fromkeys(same, one.file)


def _contents(spec: Spec) -> frozenset[str]:
    return frozenset(digest for path in spec.recordings for digest in _digests(path))


def _digests(path: str) -> list[str]:
    try:
        files = allow([Path(path)])
        return [_digest(files, file) for file in files.within(path)]
    except (BadInput, OSError):
        return [path]  # planning says what is wrong with it


def _digest(files: Files, path: str) -> str:
    with files.open(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _dotted(place: Place) -> str:
    return ".".join(map(str, place)) or "the whole"
