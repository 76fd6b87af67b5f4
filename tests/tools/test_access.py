"""Who may call over HTTP, as the environment says it."""

from __future__ import annotations

import pytest

from storykeeper_tools.access import Access, Bearer, read
from storykeeper_tools.errors import BadInput

LONG = "t" * 24


def test_nothing_said_lets_in_nobody_but_this_machine() -> None:
    """Nor does an empty word."""
    assert read({}) == read({"STORYKEEPER_HTTP_TOKENS": " , ", "STORYKEEPER_HTTP_ISSUER": " "}) == Access()
    assert not read({}).closed


def test_callers_have_tokens_and_scopes() -> None:
    """In any order, with blanks between them; a token shows nowhere."""
    found = read({"STORYKEEPER_HTTP_TOKENS": f"desk:read:{LONG}1, studio:provision+read:{LONG}2"})
    assert found.tokens == {
        "desk": Bearer(frozenset({"read"}), f"{LONG}1"),
        "studio": Bearer(frozenset({"read", "provision"}), f"{LONG}2"),
    }
    assert found.closed
    assert LONG not in repr(found)


@pytest.mark.parametrize(
    "wrong",
    [
        LONG,
        f"desk:{LONG}",
        "desk:read:short",
        f"desk:write:{LONG}",
        f"desk::{LONG}",
        f"desk:read+:{LONG}",
        f":read:{LONG}",
        f"desk:read:{LONG}\u00e9",
        f"desk:read:{LONG},desk:read:{LONG}2",
        f"desk:read:{LONG},studio:provision:{LONG}",
    ],
)
def test_tokens_that_cannot_be_meant_are_refused(wrong: str) -> None:
    """Two callers with one token are one; none is repeated in what is said."""
    with pytest.raises(BadInput, match="names with scopes and tokens") as told:
        read({"STORYKEEPER_HTTP_TOKENS": wrong})
    assert LONG not in str(told.value)


def test_hosts_are_as_browsers_write_them() -> None:
    """In small letters, without a usual port; protected unless said otherwise."""
    said = (
        "Keeper.Example.ORG, https://a.example.org:443, http://b.lan:80/, http://c.lan:8000, https://d.example.org:80"
    )
    assert read({"STORYKEEPER_HTTP_HOSTS": said}).hosts == (
        "https://keeper.example.org",
        "https://a.example.org",
        "http://b.lan",
        "http://c.lan:8000",
        "https://d.example.org:80",
    )


@pytest.mark.parametrize("wrong", ["https://a.example.org/path", "ftp://a", "*", "a b", "https://", "a:b", "user@a"])
def test_hosts_that_are_none_are_refused(wrong: str) -> None:
    """A star, too: whoever wants all names wants none checked."""
    with pytest.raises(BadInput, match="addresses"):
        read({"STORYKEEPER_HTTP_HOSTS": wrong})


@pytest.mark.parametrize(
    "issuer", ["https://id.example.org", "https://id.example.org/realms/a/", "http://127.0.0.1:9000"]
)
def test_an_issuer_is_kept_letter_by_letter(issuer: str) -> None:
    """A slash at its end belongs to it."""
    found = read({"STORYKEEPER_HTTP_ISSUER": issuer, "STORYKEEPER_HTTP_AUDIENCE": "api://keeper"})
    assert (found.issuer, found.audience, found.jwks, found.closed) == (issuer, "api://keeper", None, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ISSUER": "http://id.example.org"},
        {"ISSUER": "id.example.org"},
        {"ISSUER": "https://user:password@id.example.org"},
        {"ISSUER": "https://id.example.org?x=1"},
        {"ISSUER": "https://id.example.org", "JWKS": "file:///etc/keys"},
        {"AUDIENCE": "api://keeper"},
        {"JWKS": "https://id.example.org/keys"},
    ],
)
def test_a_provider_that_cannot_be_trusted_is_refused(wrong: dict[str, str]) -> None:
    """Who could change its keys on the way could let in anybody."""
    with pytest.raises(BadInput):
        read({f"STORYKEEPER_HTTP_{name}": value for name, value in wrong.items()})
