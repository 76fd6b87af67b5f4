"""Workers' places, and connections, on a Postgres that cuts them off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from postgres import PASSWORD, Server
from storykeeper_tools.errors import Busy
from storykeeper_tools.provisioning.postgres import Link, Postgres
from storykeeper_tools.provisioning.slots import NumberedSlot


@pytest.fixture
def url(postgres_server: Server) -> str:
    return postgres_server.database()


@pytest.fixture
def slots(url: str) -> Iterator[list[NumberedSlot]]:
    """Three workers of one workspace, and one of another."""
    named = [(f"w{number}", "ours") for number in range(3)] + [("w3", "theirs")]
    made = [NumberedSlot(Link(f"{url}?application_name={name}"), schema, settled=0) for name, schema in named]
    yield made
    for slot in made:
        slot.give_back()


def cut(server: Server, url: str, name: str = "storykeeper") -> None:
    """End connections, as an administrator, a proxy or a restart does."""
    server.query(
        url.rpartition("/")[2],
        f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = '{name}'",  # type: ignore[arg-type]
    )


def test_no_two_workers_share_a_place(slots: list[NumberedSlot]) -> None:
    """Nor a name; another workspace has places of its own, and one that was given back is the next to go."""
    one, two, three, other = slots
    assert not one.occupied()
    assert all(slot.take() for slot in (one, two, other))
    assert [slot.executor for slot in (one, two, other)] == ["worker-1", "worker-2", "worker-1"]
    assert three.occupied()
    one.give_back()
    assert three.take()
    assert three.executor == "worker-1"


def test_only_the_dead_are_inherited_from(slots: list[NumberedSlot]) -> None:
    """And nobody gets their place meanwhile."""
    one, two, three, _ = slots
    assert one.take()
    assert two.take()
    with two.bequeathed("worker-1") as ours:
        assert not ours
    with two.bequeathed("somebody") as ours:
        assert not ours
    one.give_back()
    with two.bequeathed("worker-1") as ours:
        assert ours
        assert three.take()
        assert three.executor == "worker-3"
    assert one.take()
    assert one.executor == "worker-1"


def test_nobody_is_taken_for_dead_just_after_a_restart(slots: list[NumberedSlot]) -> None:
    """Who is alive comes back for its place first."""
    one, two, *_ = slots
    assert one.take()
    assert two.take()
    two.settled = 60
    one.give_back()
    with two.bequeathed("worker-1") as ours:
        assert not ours


def test_a_place_is_kept_over_a_lost_connection_unless_it_was_taken(
    slots: list[NumberedSlot], postgres_server: Server, url: str
) -> None:
    """Who lost it to another is told, and must begin anew."""
    one, two, *_ = slots
    assert one.take()
    assert not one.lost()
    cut(postgres_server, url, "w0")
    assert not one.lost()
    cut(postgres_server, url, "w0")
    assert two.take()
    assert two.executor == "worker-1"
    assert one.lost()


def test_a_lost_connection_is_made_again(postgres_server: Server, url: str) -> None:
    """The call that met it says so, and the next one is answered."""
    database = Postgres(Link(url), "ours", lambda _: None)
    assert database.query("SELECT 1") == [(1,)]
    cut(postgres_server, url)
    with pytest.raises(Busy) as refused:
        database.query("SELECT 1")
    assert database.query("SELECT 1") == [(1,)]
    database.close()
    assert PASSWORD not in f"{refused.value} {refused.value!r} {database!r}"


def test_a_transaction_that_lost_its_connection_writes_nothing(postgres_server: Server, url: str) -> None:
    """Not even what is asked of it afterwards, on a connection that doesn't know what was read."""
    database = Postgres(Link(url), "ours", lambda _: None)
    database.query("CREATE TABLE things (name TEXT)")

    def write() -> None:
        with database.transaction():
            database.query("INSERT INTO things VALUES ('before')")
            cut(postgres_server, url)
            with pytest.raises(Busy):
                database.query("INSERT INTO things VALUES ('at')")
            database.query("INSERT INTO things VALUES ('after')")

    with pytest.raises(Busy):
        write()
    assert database.query("SELECT name FROM things") == []
    database.close()
