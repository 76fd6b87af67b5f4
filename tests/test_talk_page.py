"""The talk page in Chromium, as `storykeeper talk` serves it, with companions of a sandbox."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import clients
import talk
from household import BOLD, Site, site, visit
from microphones import microphone
from outside import Show, need, only, transcript
from storykeeper_tools.companion.language import offered, table

MOST_BYTES = 200_000
PHONE = {"view": {"width": 390, "height": 844}}
DESK = {"view": {"width": 1280, "height": 900}}
SMALLEST = {"view": {"width": 320, "height": 568}}
ZOOMED = {"view": {"width": 640, "height": 400, "zoom": 2}}  # a window of 1280 by 800, at 200 %
BEGUN = "Waiting for your words"
GREETED = "I'm not Dorothy"
STARTS = 4  # sessions that one visitor may begin in these tests


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("visits")


@pytest.fixture(scope="module")
def page(home: Path) -> Iterator[Site]:
    need("node", "chromium")
    if not talk.built():
        assert not os.environ.get("CI"), "in CI the page must be built"
        pytest.skip("NOT RUN: the talk page isn't built (make talk)")
    with site(home, STORYKEEPER_TALK_LIMITS=f"caller={STARTS},total=1000") as found:
        yield found


def looked(state: str) -> list[dict[str, Any]]:
    """Steps that look whether a state is accessible, and fits a small window."""
    return [{"axe": state}, SMALLEST, {"fits": f"{state}, small"}, DESK]


def checked(state: str) -> list[dict[str, Any]]:
    """The same by night too, and with everything twice as large."""
    dark = [{"theme": "dark"}, {"axe": f"{state}, dark"}, {"theme": "light"}]
    return [*dark, ZOOMED, {"fits": f"{state}, zoomed"}, *looked(state)]


def assert_fit(events: list[Any]) -> None:
    """What these looked for, and what must never be left behind."""
    found = [(event["state"], found) for event in only(events, "axe") for found in event["found"]]
    assert [(state, each["id"], each["where"]) for state, each in found] == []
    assert [(event["state"], event["cut"]) for event in only(events, "fits") if event["cut"]] == []
    assert_clean(events)


def assert_clean(events: list[Any]) -> None:
    """Nothing of other hosts was asked for, no policy broken, no microphone left open, no signed URL to be read."""
    assert only(events, "outside") == []
    [left] = only(events, "left")
    assert (left["microphones"], left["violations"], left["told"]) == (0, [], [])


def test_a_visit_by_keyboard(page: Site, home: Path, record_property: Show) -> None:
    """From the gallery to the last word without a mouse or a microphone; all on the way is accessible, and small."""
    steps = [
        {"open": f"{page.url}/"},
        {"shown": "Whose stories would you like to hear?"},
        *checked("gallery"),
        {"tab": "Dorothy"},
        {"press": "Enter"},
        {"shown": "What you can hear about"},
        *checked("companion"),
        {"tab": "Type instead"},
        {"press": "Enter"},
        {"announced": "The conversation has begun"},
        {"focused": "message"},
        {"shown": GREETED},
        {"type": "Where were you born?"},
        {"press": "Enter"},
        {"shown": "Shandon Street"},
        *checked("conversation"),
        {"letters": 2},
        {"fits": "conversation, large letters"},
        {"letters": 1},
        {"read": ".lines"},
        {"tab": "Help in a crisis"},
        {"press": "Enter"},
        {"shown": "Help from a person"},
        *checked("crisis"),
        {"read": "dialog"},
        {"press": "Escape"},
        {"focused": "☎︎Help in a crisis"},
        {"tab": "Stop"},
        {"press": "Enter"},
        {"shown": "You have stopped the conversation."},
        {"focused": "You have stopped the conversation."},
        *checked("over"),
        {"left": True},
    ]
    events = visit(steps, home=home)

    record_property("session", transcript([event for event in events if event["event"] != "loaded"]))
    assert_fit(events)
    loaded = [event for event in events[: events.index(only(events, "socket")[0])] if event["event"] == "loaded"]
    ours = sum(event["bytes"] for event in loaded if "/api/" not in event["path"] and "session-" not in event["path"])
    assert 0 < ours < MOST_BYTES
    said, crisis = (event["text"] for event in only(events, "read"))
    assert re.search(r"Dorothy \(AI\)\n+Hello.*\n+You\n+Where were you born\?\n+Dorothy \(AI\)\n+.*Cork", said)
    assert "116 123" in crisis
    assert {event["url"] for event in only(events, "socket")} == {ws(page)}
    assert only(events, "left")[0]["asked"] == 0  # nobody who types is asked for a microphone


def test_a_visit_by_voice(page: Site, home: Path, record_property: Show) -> None:
    """The microphone is explained before the browser asks; a photo is spoken about after the greeting."""
    steps = [
        DESK,
        {"permission": "prompt"},
        {"open": page.of("Dorothy")},
        {"choose": "button.photo"},
        {"announced": "You begin with: The bakery, 1958"},
        {"click": "Talk"},
        {"focused": "First, your microphone"},
        *checked("permission"),
        {"click": "Continue"},
        {"announced": "The conversation has begun"},
        {"shown": "Speaking"},
        {"sound": True},
        *checked("voice"),
        {"shown": "What can you tell me about this photo? The bakery, 1958"},
        {"click": "Microphone off"},
        {"announced": "Your microphone is off"},
        {"click": "Microphone off"},
        {"shown": "Hello."},  # what the sandbox takes the sentence in the microphone for
        {"click": "Stop"},
        {"shown": "You have stopped the conversation."},
        {"left": True},
    ]
    events = visit(steps, sound=microphone(home / "voice.wav", 2), home=home)

    record_property("session", transcript([event for event in events if event["event"] != "loaded"]))
    assert_fit(events)
    assert only(events, "left")[0]["asked"] > 0
    context, question = only(events, "sent")
    assert (context["type"], question["type"]) == ("contextual_update", "user_message")
    assert '"The bakery, 1958"' in context["text"]
    assert events.index(question) > max(n for n, event in enumerate(events) if event.get("shown") == "Speaking")


def test_a_browser_that_cannot_choose_a_rate_resamples_with_our_own_copy(page: Site, home: Path) -> None:
    """As Firefox: the client would get its resampler from another host."""
    steps = [
        {"fixedRate": True},
        {"open": page.of("Dorothy")},
        {"click": "Talk"},
        {"shown": "Speaking"},
        {"sound": True},
        {"click": "Stop"},
        {"shown": "You have stopped"},
        {"left": True},
    ]
    events = visit(steps, sound=microphone(home / "rate.wav", 2), home=home)

    assert_clean(events)
    [left] = only(events, "left")
    assert [path for path in left["modules"] if path.startswith(f"{page.url}/assets/libsamplerate")]


def test_time_is_told_gently_and_then_over(page: Site, home: Path) -> None:
    """Five minutes and one minute before the end, and the session ends with the page."""
    steps = [
        {"open": page.of("Dorothy")},
        {"click": "Type instead"},
        {"shown": BEGUN},
        {"shown": "of 30 minutes"},
        {"ahead": 25},
        {"shown": "There are 5 minutes left."},
        {"ahead": 4},
        {"shown": "There is one minute left: time to say goodbye."},
        {"ahead": 1},
        {"shown": "The 30 minutes are over. Thank you for the visit."},
        {"left": True},
    ]
    assert_clean(visit(steps, home=home))


def test_a_visitor_without_a_microphone_is_told_what_works(page: Site, home: Path) -> None:
    """None there, none allowed now, none allowed ever, and none on an insecure page: typing always works."""
    again = [{"open": page.of("Dorothy")}, {"permission": "prompt"}, {"click": "Talk"}, {"click": "Continue"}]
    none = visit([*again, {"shown": "No microphone was found."}, *looked("no microphone"), {"left": True}], home=home)
    assert_fit(none)

    steps = [
        {"permission": "prompt"},
        *again,
        {"shown": "This page may not use the microphone."},
        {"click": "Type instead"},
        {"shown": GREETED},
        {"permission": "denied"},
        {"open": page.of("Dorothy")},
        {"click": "Talk"},
        {"shown": "This page may not use the microphone."},
        {"without": ["mediaDevices"]},
        {"open": page.of("Dorothy")},
        {"click": "Talk"},
        {"shown": "only with secure pages"},
        {"left": True},
    ]
    denied = visit(steps, sound=microphone(home / "denied.wav", 2), answer="deny", home=home)
    assert_clean(denied)
    assert only(denied, "left")[0]["sessions"] == 2  # none is begun for a microphone that is known to be refused


def test_a_conversation_that_fails_is_explained_and_can_be_begun_again(page: Site, home: Path) -> None:
    """Offline, cut midway, an expired URL, and a service that refuses; what was said stays."""
    steps = [
        {"open": page.of("Dorothy")},
        {"click": "Type instead"},
        {"shown": GREETED},
        {"offline": True},
        {"shown": "You seem to be offline."},
        {"offline": False},
        page.meanwhile("faults", "WS /v1/convai/conversation reset-after-open messages=3 x1"),
        {"click": "Type instead"},
        {"shown": "The connection was lost."},
        {"shown": GREETED},
        *looked("lost"),
        page.meanwhile("switches", {"signed_url_seconds": 0}, "PATCH"),
        {"click": "Type instead"},
        {"shown": "The invitation to this conversation has run out."},
        page.meanwhile("switches", {"signed_url_seconds": 900}, "PATCH"),
        page.meanwhile("faults", "GET /v1/convai/conversation/get-signed-url 403"),
        {"click": "Type instead"},
        {"shown": "The companion can't be reached at the moment."},
        page.meanwhile("faults", method="DELETE"),
        {"left": True},
    ]
    events = visit(steps, home=home)

    assert_fit(events)
    assert only(events, "left")[0]["sessions"] == 3


def test_too_many_conversations_and_strangers_are_refused_in_words(page: Site, home: Path) -> None:
    """A flood is asked to wait; a companion that isn't there has a page that says so."""
    one = [{"click": "Type instead"}, {"shown": BEGUN}, {"click": "Stop"}, {"shown": "You have stopped"}]
    steps = [
        {"open": page.of("Dorothy")},
        *(STARTS * one),
        {"click": "Type instead"},
        {"shown": "Many conversations were begun just now."},
        {"open": f"{page.url}/c/nobody-0000"},
        {"shown": "There is no such companion here."},
        *looked("nobody"),
        {"open": f"{page.url}/c/%ff"},
        {"shown": "There is no such companion here."},
        {"follow": "All companions"},
        {"shown": "Whose stories would you like to hear?"},
        {"left": True},
    ]
    assert_fit(visit(steps, home=home))


def test_a_paused_companion_receives_nobody(page: Site, home: Path) -> None:
    """Neither a page that was open before, nor one that is opened then."""
    companion = page.companions["Erika"]
    try:
        page.place.run("retire", companion, "--pause")
        steps = [
            {"open": page.of("Erika")},
            {"shown": "Diese Begleitung empfängt zurzeit keinen Besuch."},
            {"open": f"{page.url}/"},
            {"shown": "Not receiving visitors"},
            {"axe": "closed"},
            {"left": True},
        ]
        events = visit(steps, home=home)
    finally:
        page.place.run("retire", companion, "--resume")

    assert_clean(events)
    assert only(events, "axe")[0]["found"] == []


def test_a_talk_ends_when_its_companion_is_paused(page: Site, home: Path) -> None:
    """Or the consent to it is taken back: within a quarter of a minute by the page's clock, not before it looks, and
    while the service would go on to the end."""
    companion = page.companions["Dorothy"]
    steps = [
        {"open": page.of("Dorothy")},
        {"click": "Type instead"},
        {"shown": BEGUN},
        {"ahead": 0.25},
        {"shown": "0:1"},
        {"shown": BEGUN},
        page.keeper("retire", companion, "--pause"),
        {"ahead": 0.25},
        {"shown": "This companion isn't receiving visitors at the moment."},
        {"hidden": "of 30 minutes"},
        {"left": True},
    ]
    try:
        events = visit(steps, home=home)
    finally:
        page.place.run("retire", companion, "--resume")
    assert_clean(events)


def test_a_visitor_in_distress_is_shown_whom_to_call(page: Site, home: Path) -> None:
    """Beside what the companion says, as numbers to tap; whether they would harm themselves or another."""
    steps = [
        {"open": page.of("Dorothy")},
        {"click": "Type instead"},
        {"shown": GREETED},
        {"write": ["Your message", "There is no point any more."]},
        {"click": "Send"},
        {"shown": "Suicide & Crisis Lifeline"},
        *checked("distress"),
        {"read": ".help"},
        {"click": "Stop"},
        {"shown": "You have stopped"},
        {"open": page.of("Erika")},
        {"click": "Lieber schreiben"},
        {"shown": "Ich bin"},
        {"write": ["Deine Nachricht", "Ich will jemandem wehtun."]},
        {"press": "Enter"},
        {"shown": "Telefonseelsorge\nDeutschland"},
        {"left": True},
    ]
    events = visit(steps, home=home)

    assert_fit(events)
    assert re.search(r"988\s+Samaritans\s+UK, Ireland\s+116 123", only(events, "read")[0]["text"])


def test_markup_stays_text(page: Site, home: Path) -> None:
    """In a name, in a memory that is told, in what a visitor writes, and in a caption."""
    written = "<img src=x onerror='globalThis.pwned=1'>What did your mother teach you at school?"
    steps = [
        {"open": page.of("img")},
        {"shown": "img src=x onerror='globalThis.pwned = 1'"},
        {"shown": BOLD},
        {"choose": "button.photo"},
        {"click": "Type instead"},
        {"shown": f"photo? {BOLD}"},
        {"write": ["Your message", written]},
        {"click": "Send"},
        {"shown": written},
        {"shown": "taught me to write"},
        {"read": ".lines"},
        {"left": True},
        {"unmarked": True},
    ]
    events = visit(steps, home=home)

    assert_clean(events)
    assert only(events, "unmarked")[0]["found"] == []


def test_a_wrong_fact_is_proposed_to_the_keeper(page: Site, home: Path) -> None:
    """And thanked for; nothing else happens."""
    steps = [
        {"open": page.of("Dorothy")},
        {"choose": ".correction summary"},
        {"write": ["What isn't right, and how was it really?", "The bakery was in Blackpool."]},
        {"click": "Tell the keeper"},
        {"shown": "Thank you. The keeper will read it."},
        {"axe": "proposed"},
        {"left": True},
    ]
    events = visit(steps, home=home)

    assert_clean(events)
    assert only(events, "axe")[0]["found"] == []
    assert "Blackpool" in json.dumps(page.place.run("corrections", page.companions["Dorothy"]))


def test_pages_speak_the_visitors_or_the_companions_language(page: Site, home: Path) -> None:
    """The gallery that of the browser, a companion's page that of the companion."""
    steps = [
        {"speaks": "pt-BR,pt;q=0.9"},
        {"open": f"{page.url}/"},
        {"shown": "De quem gostaria de ouvir histórias?"},
        {"axe": "pt"},
        {"open": page.of("Erika")},
        {"shown": "Wovon du hören kannst"},
        {"axe": "de"},
        {"left": True},
    ]
    events = visit(steps, home=home)

    assert_clean(events)
    assert [event["found"] for event in only(events, "axe")] == [[], []]


def test_no_page_holds_a_credential(page: Site) -> None:
    """Neither signed URLs nor the key are in the HTML or the assets; what is logged is looked at when the page ends."""
    pages = [httpx.get(f"{page.url}{path}").text for path in ("/", "/c/x", "/api/companions")]
    built = [path.read_text(encoding="utf-8") for path in talk.ASSETS.iterdir() if path.suffix in {".js", ".html"}]
    for text in [*pages, *built]:
        assert "conversation_signature=" not in text
        assert "xi-api-key" not in text


@pytest.mark.parametrize("language", offered())
def test_every_language_has_every_word(language: str) -> None:
    """With the same places for names and numbers."""
    words, english = table(language, "talk"), table("en", "talk")

    assert table(language, "talk")["errors"].keys() == english["errors"].keys()
    for key in english:
        assert places(words[key]) == places(english[key]), key
        assert language == "en" or words[key] != english[key] or key in {"volume", "conversation"}, key


def places(text: Any) -> set[str]:
    """The parts of a word in which something else is put."""
    return set(re.findall(r"\{\w+\}", text)) if isinstance(text, str) else set()


def test_packages_are_pinned_by_their_hashes_and_by_no_address() -> None:
    """So that any registry will do, and none can change what visitors run."""
    lock = json.loads((talk.WEB / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}
    asked = json.loads((talk.WEB / "package.json").read_text(encoding="utf-8"))

    assert [name for name, package in packages.items() if not package["integrity"].startswith("sha512-")] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert all(
        re.fullmatch(r"[\d.]+", version)
        for kind in ("dependencies", "devDependencies")
        for version in asked[kind].values()
    )
    assert asked["dependencies"]["@elevenlabs/client"] == lock_of_clients()


def lock_of_clients() -> str:
    """The version of the official client that the sandbox is tested with."""
    return json.loads((clients.FOLDER / "package.json").read_text(encoding="utf-8"))["dependencies"][
        "@elevenlabs/client"
    ]


def ws(page: Site) -> str:
    """Where conversations go."""
    return f"{page.place.http.base_url}".rstrip("/").replace("http", "ws") + "/v1/convai/conversation"
