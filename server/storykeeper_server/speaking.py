"""`storykeeper talk --terminal`: a talk by typing, or with a microphone and a speaker."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from storykeeper_tools.companion.language import named, phrases, table
from storykeeper_tools.companion.memories.item import folded
from storykeeper_tools.errors import BadInput, Conflict

from .commands import opened, print_json
from .talk.conversation import Audio, Conversation
from .talk.pictures import Album, Photo, album
from .terminal import Terminal
from .wiring import Storykeeper

HOW = "Type, and press Enter. /help names people to call in a crisis; /bye or Ctrl-D ends the talk."
LOOK_EVERY = 2.0
_ENDINGS = frozenset({"/bye", "/quit", "/exit"})


async def speak(arguments: argparse.Namespace) -> int:
    """The transcript is on stdout, as it is said; what isn't part of it on stderr."""
    sound = _sound() if arguments.voice else None
    async with opened(arguments) as keeper:
        known = keeper.companions.planner.known(arguments.companion)
        pictures = _pictures(arguments.album)
        link = await keeper.sessions.get_signed_url(known.id)
        language = keeper.companions.planner.made_from(known).spec.language
        script = Script(known.name, language, as_json=arguments.json)
        script.begin()
        tools = {"show_photo": Shown(pictures, script).show_photo}
        talk = Conversation(script.say, tools, sound, partial(_until_shut, keeper, known.id))
        await talk.run(link.signed_url, script.type)
        script.end(talk.id)
    return 0


async def _until_shut(keeper: Storykeeper, companion: str) -> None:
    """Raises Conflict once nobody is let in any more: the service itself would go on to the end."""
    while (known := keeper.ledger.companion(companion)) and keeper.sessions.door(known) == "ready":  # noqa: ASYNC110 - another process pauses it
        await asyncio.sleep(LOOK_EVERY)
    raise Conflict(
        "the companion was paused meanwhile, or the consent to it is over",
        exists="the talk has ended",
        next=f"storykeeper show {companion} says which",
    )


@dataclass(slots=True)
class Script:
    """What is said, as it is shown; `as_json`: one object a line."""

    name: str
    language: str
    as_json: bool = False

    def begin(self) -> None:
        notice = table(self.language, "talk").get("notice") or phrases(self.language)["disclosure"]
        Terminal().say(f"{named(notice, self.name, self.language)}\n{HOW}")

    def say(self, who: str, text: str) -> None:
        clean = shown(text)
        if self.as_json:
            print_json({"who": who, "text": clean})
            sys.stdout.flush()
        else:
            print(f"{self._called(who)}: {clean}", flush=True)

    def _called(self, who: str) -> str:
        ours = {"agent": f"{self.name} (AI)", "corrected": "(cut short)", "photo": "(photo)"}
        return ours.get(who, "You")

    async def type(self, talk: Conversation) -> None:
        """Lines of a person, or of a file, until there are no more."""
        terminal = Terminal()
        while (line := await terminal.line()) is not None:
            text = line.strip()
            if text in _ENDINGS:
                return
            if text == "/help":
                terminal.say(phrases(self.language)["crisis"])
            elif text:
                if not sys.stdin.isatty():
                    self.say("user", text)
                await talk.write(text)

    def end(self, conversation: str) -> None:
        Terminal().say(f"The talk is over ({conversation})." if conversation else "The talk is over.")


@dataclass(frozen=True, slots=True)
class Shown:
    """A tool that an agent may have: it names what it talks about, and whoever listens sees the photo of it."""

    album: Album
    script: Script

    def show_photo(self, parameters: Mapping[str, Any]) -> str:
        subject = str(parameters.get("subject", ""))[:200]
        photo = _nearest(self.album, subject)
        if photo is None:
            return "There is no photo of that. Don't describe one."
        self.script.say("photo", f"{photo.caption}: {photo.path}")
        return f"The photo '{photo.caption}' is shown."


def shown(text: str) -> str:
    """Without what could move a terminal's cursor: a transcript holds anybody's words."""
    return "".join(c for c in text if c.isprintable() or c == "\n").strip()


def _nearest(album: Album, subject: str) -> Photo | None:
    """The photo whose caption has most words of a subject."""
    wanted = set(folded(subject).split())
    scores = [(len(wanted & set(folded(photo.caption).split())), photo) for photo in album.photos]
    best = max(scores, key=lambda each: each[0], default=(0, None))
    return best[1] if best[0] else None


def _pictures(said: list[str]) -> Album:
    return album(Path(said[-1].rpartition("=")[2])) if said else Album()


def _sound() -> Audio:
    """This computer's microphone and speaker. Raises BadInput where the parts for them aren't installed."""
    missing = "say pip install 'storykeeper[voice]' (PyAudio needs PortAudio), or talk without --voice"
    try:
        from elevenlabs.conversational_ai.default_audio_interface import DefaultAudioInterface  # few want it

        return DefaultAudioInterface()
    except ImportError:
        raise BadInput(
            "what is needed to speak and listen here isn't installed", exists="nothing was begun", next=missing
        ) from None
