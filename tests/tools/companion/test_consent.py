"""Consent records: what one covers and for how long, and that one which was edited counts for nothing."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storykeeper_tools.companion.consent import (
    About,
    Consent,
    canonical,
    digest,
    end_of,
    genuine,
    misfit,
    read,
    same_person,
    seal,
    sign,
)
from storykeeper_tools.companion.written import load
from storykeeper_tools.errors import BadInput

KEY = b"k" * 32


def consent(**more: Any) -> Consent:
    said: dict[str, Any] = {
        "companion": "dorothy-7f3a",
        "subject": "Dorothy",
        "status": "living",
        "kind": "self",
        "granted_by": "Dorothy",
        "relation": "",
        "statement": "Yes.",
        "statement_sha256": "0",
        "granting": "attested",
        "recordings": ("a", "b"),
        "granted_at": 100,
    }
    return Consent.model_validate(said | more)


# What the first version signed: every field, and no other.
FIRST = {
    "companion": "dorothy-7f3a",
    "subject": "Dorothy",
    "status": "living",
    "kind": "self",
    "granted_by": "Dorothy",
    "relation": "",
    "scope": "clone this voice for one private memory companion",
    "statement": "Yes.",
    "statement_sha256": "0",
    "granting": "attested",
    "recordings": ["a", "b"],
    "granted_at": 100,
    "expires_at": None,
    "revoked_at": None,
}


def test_a_record_of_the_first_version_is_still_genuine() -> None:
    """It was signed without the fields that came later, and keeps its id."""
    old = read(json.loads(json.dumps(FIRST)))
    assert old is not None
    assert genuine(old, seal(FIRST, KEY), KEY)
    assert (old.body, old.id) == (
        FIRST,
        "consent_" + digest({k: v for k, v in FIRST.items() if k != "granted_at"})[:16],
    )


def test_what_came_later_is_signed_where_it_is_said() -> None:
    """The sha256 of a letter, and what a prepared cut was cut from."""
    new = consent(evidence_sha256="e", derived_from={"a": ("c", "d")})
    signature = sign(new, KEY)
    assert read(json.loads(canonical(new.body))) == new
    for change in ({"evidence_sha256": None}, {"derived_from": {}}, {"derived_from": {"a": ("c",)}}):
        assert not genuine(new.model_copy(update=change), signature, KEY)


@given(
    field=st.sampled_from([*FIRST, "evidence_sha256", "derived_from", "scopes"]),
    value=st.one_of(
        st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.lists(st.text(max_size=3), max_size=3)
    ),
)
def test_no_field_can_be_edited_added_or_spelled_otherwise(field: str, value: Any) -> None:
    """Whatever the edit, the record is unreadable or not genuine; a number as text is an edit, too."""
    edited = {**FIRST, field: value}
    if edited == FIRST and type(value) is type(FIRST[field]):
        return
    record = read(edited)
    assert record is None or not genuine(record, seal(FIRST, KEY), KEY)


@pytest.mark.parametrize("field", FIRST)
def test_no_field_can_be_taken_away(field: str) -> None:
    """Not even one that has a default."""
    assert read({name: value for name, value in FIRST.items() if name != field}) is None


@pytest.mark.parametrize("signature", ["", "0" * 64, "é", seal(FIRST, b"another key"), seal(FIRST, KEY).upper()])
def test_another_signature_is_none(signature: str) -> None:
    """Compared in constant time, whatever it holds."""
    assert not genuine(consent(), signature, KEY)


def test_revoking_or_saying_it_again_keeps_the_id() -> None:
    """One consent is one record, whenever it was given and whatever became of it."""
    assert consent().id == consent(granted_at=200).id == consent(revoked_at=300).id
    assert consent().id != consent(statement="No.").id


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ({}, True),
        ({"subject": "DOROTHY "}, True),
        ({"status": None}, True),
        ({"subject": "Ruth"}, False),
        ({"companion": "ruth-1234"}, False),
        ({"companion": None}, False),
        ({"status": "deceased"}, False),
    ],
)
def test_a_consent_is_for_one_person_and_one_companion(said: dict[str, Any], fits: bool) -> None:
    """Names as people compare them; where nobody said whether they live, it isn't asked."""
    usual: dict[str, Any] = {"companion": "dorothy-7f3a", "subject": "Dorothy", "status": "living"}
    assert consent().fits(About(**(usual | said), recordings=("a",))) is fits


def test_an_expiry_day_is_the_last_one() -> None:
    """It holds until midnight, UTC."""
    until = end_of(date(2030, 1, 1))
    assert until == 1893542400  # 2030-01-02 00:00
    assert consent(expires_at=until).holds(until - 1)
    assert not consent(expires_at=until).holds(until)


def test_the_last_day_of_all_is_no_end() -> None:
    """Some write it for a consent that is never over."""
    assert end_of(date.max) is None


@pytest.mark.parametrize(
    ("change", "replaced"),
    [
        ({}, True),
        ({"expires_at": 300, "statement": "Until then."}, True),
        ({"granted_by": "DOROTHY ", "recordings": ("a", "b", "c")}, True),
        ({"granted_at": 100}, False),
        ({"granted_by": "Ann", "kind": "guardian"}, False),
        ({"recordings": ("a",)}, False),
        ({"companion": None}, False),
    ],
)
def test_what_somebody_says_later_replaces_what_they_said(change: dict[str, Any], replaced: bool) -> None:
    """The same grantor and kind, for all that was consented to before."""
    assert consent(**({"granted_at": 200} | change)).replaces(consent()) is replaced


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Dorothy", "Dorothy Hartley", True),
        ("Hartley, Dorothy", "Dorothy Hartley", True),
        ("Hartley Dorothy", "Dorothy Hartley", True),
        ("Mrs. Dorothy Hartley", "dorothy hartley", True),
        ("Dorothy M. Hartley", "Dorothy Mary Hartley", True),
        ("Sr. Jose Nunez", "José Núñez", True),
        ("Anne-Marie Dupont", "Anne Marie Dupont", True),
        ("王芳", "王芳", True),
        ("Rose Hartley", "Dorothy Hartley", False),
        ("Hartley, Rose", "Dorothy Hartley", False),
        ("Hartley", "Dorothy Hartley", False),
        ("Mrs Hartley", "Dorothy Hartley", False),
        ("D. Hartley", "Dorothy Hartley", False),
        ("Mary Hartley", "Dorothy Mary Hartley", False),
        ("John Hartley Jr.", "John Hartley", False),
        ("Rose", "Rosemary", False),
        ("王明", "王芳", False),
        ("?", "!", False),
    ],
)
def test_relatives_are_not_the_person(one: str, other: str, same: bool) -> None:
    """A shared family name says nothing; the first name does."""
    assert same_person(one, other) is same_person(other, one) is same


FILE = """\
subject: {{name: Dorothy}}
recordings: [a.wav]
consent:
  kind: self
  granted_by: Dorothy
  evidence: letter.pdf
  expires: {expires}
"""


@pytest.mark.parametrize("expires", ["2030-12-31", '"2030-12-31"'])
def test_a_file_says_its_evidence_and_its_last_day(tmp_path: Path, expires: str) -> None:
    """The evidence lies beside the file; the day may be quoted."""
    for name in ("a.wav", "letter.pdf"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "companion.yaml").write_text(FILE.format(expires=expires))
    block = load(tmp_path / "companion.yaml").consent
    assert block is not None
    assert (block.evidence, block.expires) == (str(tmp_path / "letter.pdf"), date(2030, 12, 31))


def test_evidence_that_is_not_there_is_told_with_its_line(tmp_path: Path) -> None:
    """Before anything is done."""
    (tmp_path / "a.wav").write_bytes(b"x")
    (tmp_path / "companion.yaml").write_text(FILE.format(expires="2030-12-31"))
    with pytest.raises(BadInput, match=r"line 6: consent\.evidence: 'letter\.pdf' isn't there"):
        load(tmp_path / "companion.yaml")


@pytest.mark.parametrize(
    ("kind", "status", "granted_by", "right"),
    [
        ("self", "living", "Dorothy Byrne", True),
        ("self", "living", "Ann", False),
        ("self", "deceased", "Dorothy", False),
        ("guardian", "living", "Ann", True),
        ("guardian", "deceased", "Ann", False),
        ("executor_or_heir", "deceased", "Ann", True),
        ("executor_or_heir", "living", "Ann", False),
    ],
)
def test_who_may_consent_depends_on_whether_the_person_lives(
    kind: Any, status: Any, granted_by: str, right: bool
) -> None:
    """And nobody is somebody else's self."""
    assert (misfit(kind, status, granted_by, "Dorothy") is None) is right


@pytest.mark.parametrize(
    ("change", "recordings", "covered"),
    [
        ({}, ["a"], True),
        ({}, ["a", "b"], True),
        ({}, ["a", "c"], False),
        ({}, [], False),
        ({"expires_at": 200}, ["a"], True),
        ({"expires_at": 150}, ["a"], False),
        ({"revoked_at": 120}, ["a"], False),
    ],
)
def test_a_consent_covers_just_what_it_names_while_it_holds(
    change: dict[str, int], recordings: list[str], covered: bool
) -> None:
    """Asked at second 150."""
    assert consent(**change).covers(recordings, now=150) is covered


def test_another_key_signs_otherwise() -> None:
    """A record that was signed on another machine counts for nothing here."""
    assert not genuine(consent(), sign(consent(), KEY), b"another key")
