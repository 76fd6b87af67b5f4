"""`storykeeper book`: the memory book of some files, with its contradictions and gaps, before anything is made of it."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
from collections.abc import Sequence
from pathlib import Path

from storykeeper_tools.companion.language import phrases
from storykeeper_tools.companion.memories.book import build
from storykeeper_tools.companion.memories.documents import Document, documents
from storykeeper_tools.companion.memories.report import Report, report
from storykeeper_tools.companion.memories.tongue import told_in
from storykeeper_tools.companion.written import is_spec, load
from storykeeper_tools.errors import BadInput
from storykeeper_tools.files import private_folder
from storykeeper_tools.interviews import called
from storykeeper_tools.provisioning.texts import Texts

from .commands import print_json, print_text, readable


async def book(arguments: argparse.Namespace) -> int:
    """Sends nothing, and needs neither a key nor a companion."""
    told = await asyncio.to_thread(_told, arguments)
    if arguments.json:
        print_json(told.model_dump(mode="json"))
    else:
        print_text(told)
    return 0


def _told(arguments: argparse.Namespace) -> Report:
    specs = [load(Path(path)) for path in arguments.paths if is_spec(Path(path).name)]
    paths = [path for path in arguments.paths if not is_spec(Path(path).name)]
    paths += [path for spec in specs for path in spec.memories]
    language = arguments.language or (specs[0].language if specs else "en")
    phrases(language)
    items, left_out = Texts(readable(paths)).read(paths)
    made = build(
        items,
        subject=called(arguments.name) if arguments.name else (specs[0].subject.name if specs else ""),
        corrections=[*(line for spec in specs for line in spec.corrections), *arguments.correction],
        language=arguments.language or told_in((item.text for item in items), language),
    )
    written = documents(made.entries)
    if arguments.out:
        _write(Path(arguments.out), written)
    return report(made, written, left_out)


def _write(folder: Path, written: Sequence[Document]) -> None:
    """One Markdown file for each document, in a folder of its own, readable by its owner only."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput("--out names something that is there already", next="name a new folder, or an empty one")
    private_folder(folder)
    names: dict[str, int] = {}
    for document in written:
        name = "-".join(re.findall(r"\w+", document.title.casefold())) or "memories"
        names[name] = names.get(name, 0) + 1
        part = f"-{names[name]}" if names[name] > 1 else ""
        with open(folder / f"{name}{part}.md", "x", encoding="utf-8", newline="", opener=_private) as file:
            file.write(document.text)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
