"""What is to be done about each thing that the ledger and the service don't both have: facts in, findings out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from storykeeper_tools.provisioning.journal import Entry
from storykeeper_tools.provisioning.ledger import Resource
from storykeeper_tools.provisioning.marked import Marked
from storykeeper_tools.provisioning.strays import Facts, findings

NOW, SETTLE, MARKER = 1_000_000.0, 300.0, "keep-0123456789abcdef0123"
SLOT = "1a2b3c4d" + "e" * 56
OLD = int(NOW - 2 * SETTLE)


def thing(kind: Any, id: str, **more: Any) -> Marked:
    slot = SLOT[:8] if kind == "document" else ""
    return Marked.model_validate(
        {"kind": kind, "id": id, "name": id, "marker": MARKER, "slot": slot, "made_at": OLD, **more}
    )


def row(kind: Any, id: str, **more: Any) -> Resource:
    slot = SLOT if kind == "document" else ""
    return Resource.model_validate({"marker": MARKER, "kind": kind, "slot": slot, "state": "made", "id": id, **more})


def entry(event: Any, kind: Any, id: str = "", slot: str = "") -> Entry:
    return Entry(at=NOW, event=event, kind=kind, id=id, slot=slot)


KNOWN = {MARKER: "dorothy-1234"}
WANTED = {MARKER: frozenset({SLOT})}


def facts(*things: Marked, rows: tuple[Resource, ...] = (), **more: Any) -> Facts:
    return Facts(now=NOW, settle=SETTLE, things=things, rows=rows, **more)


def told(of: Facts) -> list[tuple[str, str]]:
    return [(finding.do, finding.id) for finding in findings(of)]


@pytest.mark.parametrize("kind", ["voice", "document", "agent"])
def test_what_both_have_is_not_mentioned(kind: str) -> None:
    """Whether a companion or a single tool made it."""
    assert told(facts(thing(kind, "a"), rows=(row(kind, "a"),))) == []


@pytest.mark.parametrize("kind", ["voice", "document", "agent"])
def test_a_marker_that_nobody_knows_is_foreign(kind: str) -> None:
    """It may be another computer's."""
    assert told(facts(thing(kind, "a"))) == [("foreign", "a")]


@pytest.mark.parametrize("kind", ["voice", "document", "agent"])
def test_a_known_companion_takes_in_what_its_ledger_lacks(kind: str) -> None:
    """Known by its plan alone, or with an intent or a refusal that is old."""
    empty = facts(thing(kind, "a"), companions=KNOWN, wanted=WANTED)
    assert told(empty) == [("adopt", "a")]
    assert findings(empty)[0].slot == (SLOT if kind == "document" else "")
    for state in ("intended", "refused"):
        assert told(replace(empty, rows=(row(kind, "", state=state, intended_at=OLD),))) == [("adopt", "a")]


@pytest.mark.parametrize("kind", ["voice", "document", "agent"])
def test_a_second_one_is_deleted(kind: str) -> None:
    """The ledger's stays."""
    assert told(facts(thing(kind, "a"), thing(kind, "b"), rows=(row(kind, "a"),))) == [("delete", "b")]


def test_of_several_the_oldest_is_adopted() -> None:
    """And the others go."""
    things = thing("voice", "a"), thing("voice", "b", made_at=OLD - 9), thing("voice", "c", made_at=OLD - 5)
    assert told(facts(*things, companions=KNOWN)) == [("adopt", "b"), ("delete", "a"), ("delete", "c")]


def test_of_several_the_one_that_an_agent_speaks_with_is_adopted() -> None:
    """Though it isn't the oldest: an adopted agent isn't to lose its voice."""
    things = thing("agent", "g"), thing("voice", "a"), thing("voice", "b", made_at=OLD - 9)
    of = facts(*things, companions=KNOWN, uses={"g": frozenset({"a"})})
    assert told(of) == [("adopt", "g"), ("adopt", "a"), ("delete", "b")]


def test_what_an_agent_that_stays_uses_is_not_deleted() -> None:
    """But what only a doomed agent uses is."""
    rows = row("agent", "g"), row("voice", "a")
    things = thing("agent", "g"), thing("agent", "h"), thing("voice", "a"), thing("voice", "b"), thing("voice", "c")
    of = facts(*things, rows=rows, uses={"g": frozenset({"b"}), "h": frozenset({"c"})})
    assert told(of) == [("delete", "h"), ("delete", "c"), ("used", "b")]


@pytest.mark.parametrize("rows", [(), (row("voice", "a"),)], ids=["nothing known", "one known"])
@pytest.mark.parametrize(
    ("going", "made"),
    [({MARKER}, OLD), ((), NOW - SETTLE + 1), ((), NOW + SETTLE - 1)],
    ids=["a run is going on", "young", "from a clock that is ahead"],
)
def test_too_early_to_tell_is_left_alone(rows: tuple[Resource, ...], going: set[str], made: float) -> None:
    """Neither adopted nor deleted."""
    things = thing("voice", "a"), thing("voice", "b", made_at=int(made))
    of = facts(*things, rows=rows, companions=KNOWN, going=frozenset(going))
    assert ("wait", "b") in told(of)


@pytest.mark.parametrize(("made", "do"), [(None, "delete"), (int(NOW + 9 * SETTLE), "delete"), (int(NOW), "wait")])
def test_a_time_that_cannot_be_is_no_time(made: int | None, do: str) -> None:
    """Older voices have none, and a clock that was set back makes others lie far ahead."""
    of = facts(thing("voice", "a"), thing("voice", "b", made_at=made), rows=(row("voice", "a"),))
    assert told(of) == [(do, "b")]


def test_a_fresh_intent_is_waited_for() -> None:
    """Somebody may be making it now."""
    of = facts(thing("voice", "a"), rows=(row("voice", "", state="intended", intended_at=NOW - 1),))
    assert told(of) == [("wait", "a")]


def test_what_is_gone_is_crossed_out_and_another_is_adopted() -> None:
    """One that carries the same marker may take its place."""
    of = facts(thing("voice", "b"), rows=(row("voice", "a"),), gone=frozenset({"a"}), companions=KNOWN)
    assert told(of) == [("cross out", "a"), ("adopt", "b")]


def test_what_belonged_to_a_forgotten_companion_is_deleted() -> None:
    """Only the journal still knows of it, or that it was forgotten, though it may have been planned anew."""
    assert told(facts(thing("voice", "b"), companions=KNOWN, forgotten=frozenset({MARKER}))) == [("delete", "b")]
    of = facts(thing("voice", "b"), history={MARKER: [entry("made", "voice", "a"), entry("deleted", "voice", "a")]})
    assert told(of) == [("delete", "b")]


def test_what_a_single_tool_asked_for_is_adopted() -> None:
    """Only the journal knows of it: the request was given up, and came too late."""
    asked = [entry("intend", "document", slot=SLOT), entry("withdrawn", "document", slot=SLOT)]
    of = facts(thing("document", "a"), history={MARKER: asked})
    assert told(of) == [("adopt", "a")]
    assert findings(of)[0].slot == SLOT


@pytest.mark.parametrize(
    ("known", "do"),
    [([entry("intend", "document", slot=SLOT)], "delete"), ([], "foreign")],
    ids=["of an earlier plan", "never heard of"],
)
def test_a_document_that_no_plan_wants_is_not_adopted(known: list[Entry], do: str) -> None:
    """Deleted where this ledger asked for it once, else left alone."""
    of = facts(thing("document", "a"), companions=KNOWN, wanted={MARKER: frozenset()}, history={MARKER: known})
    assert told(of) == [(do, "a")]


def test_what_was_deleted_does_not_come_back() -> None:
    """A second document of a memory that was taken out stays out; deleting a double ends nothing."""
    past = [entry("made", "document", "a", SLOT), entry("deleted", "document", "b", SLOT)]
    of = facts(thing("document", "c"), companions=KNOWN, wanted=WANTED, history={MARKER: past})
    assert told(of) == [("adopt", "c")]
    past = [*past, entry("deleted", "document", "a")]
    assert told(replace(of, history={MARKER: past})) == [("delete", "c")]
    past = [*past, entry("intend", "document", "", SLOT)]
    assert told(replace(of, history={MARKER: past})) == [("adopt", "c")]


@pytest.mark.parametrize(
    ("slot", "past", "do"),
    [(SLOT, "", "adopt"), ("", "", "delete"), ("9" * 64, "", "foreign"), ("9" * 64, "9" * 64, "delete")],
    ids=["the one that is wanted", "the first one", "one of which nothing is known", "one that was wanted once"],
)
def test_a_voice_counts_by_the_recordings_that_it_is_from(slot: str, past: str, do: str) -> None:
    """Of a companion that has another voice than its first."""
    history = {MARKER: [entry("intend", "voice"), entry("intend", "voice", slot=past)]}
    of = facts(thing("voice", "a", slot=slot[:8]), companions=KNOWN, voices={MARKER: SLOT}, history=history)
    assert told(of) == [(do, "a")]
    assert findings(of)[0].slot == (SLOT if do == "adopt" else slot[:8])


def test_another_voice_is_no_second_one() -> None:
    """Both are known, and neither stands for the other; what a third one is is seen by its recordings."""
    rows = row("voice", "a"), row("voice", "b", slot=SLOT)
    things = thing("voice", "a"), thing("voice", "b", slot=SLOT[:8]), thing("voice", "c", slot=SLOT[:8])
    of = facts(*things, rows=rows, companions=KNOWN, voices={MARKER: SLOT})
    assert told(of) == [("delete", "c")]
    assert findings(of)[0].why == "there is b already"
    unslotted = facts(
        thing("voice", "d"), rows=(row("voice", "b", slot=SLOT),), companions=KNOWN, voices={MARKER: SLOT}
    )
    assert told(unslotted) == [("foreign", "d")]
