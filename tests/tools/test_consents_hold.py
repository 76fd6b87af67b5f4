"""No sound leaves without a consent to just these bytes: whatever is done to the record or to the audio, the sandbox
hears nothing. MUTATIONS=1000 tries as many as the quality bar names."""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from judge import Judge
from stage import Stage, open_stage
from storykeeper_tools.companion.consent import Consent, sign
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.errors import StorykeeperError
from storykeeper_tools.provisioning import wanted
from storykeeper_tools.provisioning.ensure import Direct
from storykeeper_tools.provisioning.keys import KEY
from storykeeper_tools.provisioning.plan import Plan

pytestmark = pytest.mark.anyio
MUTATIONS = int(os.environ.get("MUTATIONS", "150"))
WORDS = ("", "Ruth", "ruth-1234", "deceased", "living", "guardian", "elicited", "0" * 64, "null", "self ")
VALUES = (None, True, 0, 1, 2**40, [], ["0" * 64], {}, *WORDS)


@dataclass
class Scene:
    """One planned companion with its consent, and what may be done to either."""

    stage: Stage
    plan: Plan
    dice: random.Random

    @property
    def database(self) -> Any:
        return self.stage.keeper.ledger.database

    @property
    def folder(self) -> Path:
        return self.stage.keeper.settings.folder

    @property
    def blob(self) -> Path:
        return self.folder / "blobs" / self.plan.recordings[0].sha256

    def record(self) -> tuple[str, dict[str, Any], str]:
        [(id, body, signature)] = self.database.query("SELECT id, body, signature FROM consents")
        return id, json.loads(body), signature

    def put(self, body: Any, signature: str) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.database.query("UPDATE consents SET body = ?, signature = ?", text, signature)

    def sign(self, **changes: Any) -> None:
        """A record that is as genuine as any, and is about something else."""
        consent = Consent.model_validate(self.record()[1]).model_copy(update=changes)
        self.put(consent.body, sign(consent, self.stage.keeper.companions.consents.key()))

    @contextmanager
    def as_it_was(self) -> Iterator[None]:
        """Afterwards record, plan, key, journal and sound are what they were."""
        tables = ("consents", "plans", "journal", "heads")
        rows = {table: self.database.query(f"SELECT * FROM {table}") for table in tables}
        key, sound = self.folder / KEY, self.blob.read_bytes()
        secret = key.read_bytes()
        try:
            yield
        finally:
            key.write_bytes(secret)
            self.blob.unlink(missing_ok=True)
            self.blob.write_bytes(sound)
            for table, kept in rows.items():
                self.database.query(f"DELETE FROM {table}")
                for row in kept:
                    self.database.query(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", *row)


# What is done to the record


def a_field(scene: Scene) -> None:
    """Another value, whatever its type."""
    _, body, signature = scene.record()
    name = scene.dice.choice(sorted(body))
    value = scene.dice.choice([v for v in VALUES if (type(v), v) != (type(body[name]), body[name])])
    scene.put({**body, name: value}, signature)


def a_field_less(scene: Scene) -> None:
    _, body, signature = scene.record()
    del body[scene.dice.choice(sorted(body))]
    scene.put(body, signature)


def a_field_more(scene: Scene) -> None:
    _, body, signature = scene.record()
    scene.put({**body, scene.dice.choice(["evidence_sha256", "derived_from", "note"]): "0" * 64}, signature)


def no_record(scene: Scene) -> None:
    """Nothing that could be read."""
    _, body, signature = scene.record()
    text = json.dumps(body)
    scene.put(scene.dice.choice(["", "{", "[]", "null", text[: scene.dice.randrange(len(text))]]), signature)


def the_signature(scene: Scene) -> None:
    _, body, signature = scene.record()
    place = scene.dice.randrange(64)
    other = scene.dice.choice([c for c in "0123456789abcdefG é" if c != signature[place]])
    scene.put(body, scene.dice.choice(["", signature[:-1], signature[:place] + other + signature[place + 1 :]]))


def the_key(scene: Scene) -> None:
    """Another one, half of one, or none."""
    key = scene.folder / KEY
    key.unlink()
    if scene.dice.random() < 0.8:
        key.write_bytes(scene.dice.randbytes(scene.dice.choice([0, 16, 32, 32, 32, 33])))


def over(scene: Scene) -> None:
    scene.sign(expires_at=scene.dice.randrange(1, int(scene.stage.keeper.companions.consents.clock())))


def taken_back(scene: Scene) -> None:
    scene.sign(revoked_at=scene.dice.randrange(1, 2**31))


def taken_back_and_put_back(scene: Scene) -> None:
    """The old copy of the record, with its own signature; nothing else tells any more but the journal."""
    _, body, signature = scene.record()
    companion = scene.stage.keeper.ledger.companion(scene.plan.companion)
    assert companion
    scene.stage.keeper.companions.consents.revoke(companion)
    scene.database.query("DELETE FROM consents WHERE id LIKE 'revocation_%'")
    scene.put(body, signature)


def for_another(scene: Scene) -> None:
    """A genuine one: of another companion, for another person, for nobody's voice in particular, for other sound."""
    change = scene.dice.choice(
        [
            {"companion": "ruth-1234"},
            {"companion": None},
            {"subject": "Ruth"},
            {"subject": "Dorothy Byrne"},
            {"status": "deceased"},
            {"recordings": ()},
            {"recordings": ("".join(scene.dice.choices("0123456789abcdef", k=64)),)},
        ]
    )
    scene.sign(**change)


def gone(scene: Scene) -> None:
    scene.database.query("DELETE FROM consents")


# What is done to the audio


def a_byte(scene: Scene) -> None:
    sound = bytearray(scene.blob.read_bytes())
    sound[scene.dice.randrange(len(sound))] ^= 1 << scene.dice.randrange(8)
    scene.blob.write_bytes(sound)


def a_cut(scene: Scene) -> None:
    sound = scene.blob.read_bytes()
    scene.blob.write_bytes(sound[: scene.dice.randrange(len(sound))])


def a_longer_one(scene: Scene) -> None:
    with scene.blob.open("ab") as file:
        file.write(scene.dice.randbytes(scene.dice.randrange(1, 5000)))


def another_file(scene: Scene) -> None:
    """Under the name of the one that was allowed, or a link to it there."""
    other = scene.stage.home / "other.wav"
    scene.blob.unlink()
    if scene.dice.random() < 0.5:
        scene.blob.symlink_to(other)
    else:
        scene.blob.write_bytes(other.read_bytes())


def one_more_recording(scene: Scene) -> None:
    """In the plan, beside the one that was allowed or in its place."""
    _into_the_plan(scene, beside=scene.dice.random() < 0.5)


def _into_the_plan(scene: Scene, *, beside: bool) -> None:
    [(body,)] = scene.database.query("SELECT body FROM plans WHERE id = ?", scene.plan.plan_id)
    plan = json.loads(body)
    with (
        scene.stage.keeper.companions.stager.blobs.staging() as staging,
        (scene.stage.home / "other.wav").open("rb") as f,
    ):
        other = {**plan["recordings"][0], "sha256": staging.add(f)}
    plan["recordings"] = [*plan["recordings"], other] if beside else [other]
    scene.database.query("UPDATE plans SET body = ? WHERE id = ?", json.dumps(plan), scene.plan.plan_id)


RECORD = (a_field, a_field, a_field, a_field_less, a_field_more, no_record, the_signature, the_signature, the_key, over)
RECORD += (taken_back, taken_back_and_put_back, for_another, for_another, gone)
AUDIO = (a_byte, a_byte, a_cut, a_longer_one, another_file, one_more_recording)


@pytest.fixture
def folder(tmp_path: Path, recording: Callable[[float], bytes], example: Path) -> Path:
    """A voice, another one, and a memory."""
    (tmp_path / "dorothy.mp3").write_bytes((example / "recording.mp3").read_bytes())
    (tmp_path / "other.wav").write_bytes(recording(40))
    (tmp_path / "cork.md").write_text("# Cork\nBorn in Cork.")
    return tmp_path


async def planned(stage: Stage) -> Plan:
    """With its consent; of a living person, by themselves."""
    wish = Wish.model_validate({"subject": {"name": "Dorothy"}, "recordings": ["dorothy.mp3"], "memories": ["cork.md"]})
    draft = await stage.call("plan_companion", spec=wish)
    await stage.call("record_consent", companion=draft.companion, kind="self", granted_by="Dorothy")
    plan = stage.keeper.ledger.plan(draft.plan_id)
    assert plan
    return plan


async def heard(stage: Stage) -> int:
    """The bytes of sound that the service got, by its own log."""
    async with httpx.AsyncClient(transport=stage.faults.inner, base_url="http://127.0.0.1") as client:
        log = (await client.get("/_sandbox/requests?method=POST")).json()["requests"]
        await client.delete("/_sandbox/requests")
    return sum(part["bytes"] for request in log for part in request["parts"] if part["file"])


async def every_way(scene: Scene) -> list[str]:
    """Provisioning, and the last step of it by itself, as a run does it that passed all others before; what each met."""
    return [await _met(scene, _provision), await _met(scene, _send)]


async def _met(scene: Scene, way: Callable[[Scene], Any]) -> str:
    try:
        await way(scene)
    except StorykeeperError as error:
        return error.code
    return "done"


async def _provision(scene: Scene) -> None:
    await scene.stage.call("provision_companion", plan_id=scene.plan.plan_id)


async def _send(scene: Scene) -> None:
    plan = scene.stage.keeper.ledger.plan(scene.plan.plan_id)
    assert plan
    await scene.stage.keeper.ensure(Direct(), [wanted.voice(plan)])


async def test_no_sound_leaves_without_its_consent(judge: Judge, folder: Path) -> None:
    """0 bytes in all mutations of record or audio, by both ways; then, as it was, all bytes of just this recording."""
    dice = random.Random(5)
    met: Counter[str] = Counter()
    async with open_stage(judge, folder) as stage:
        scene = Scene(stage, await planned(stage), dice)
        for n in range(MUTATIONS):
            mutate = dice.choice(RECORD if n % 4 else AUDIO)
            with scene.as_it_was():
                mutate(scene)
                codes = await every_way(scene)
                assert (await heard(stage), mutate.__name__, codes.count("done")) == (0, mutate.__name__, 0)
            met.update(f"{mutate.__name__}: {code}" for code in codes)
        await _provision(scene)
        sent = await heard(stage)

    assert sent == (folder / "dorothy.mp3").stat().st_size
    assert {line.rpartition(" ")[2] for line in met} <= {"needs_consent", "conflict", "not_found"}
    print(f"{MUTATIONS} mutations, 2 ways each: 0 bytes of sound; unchanged: {sent:,}")
    print("\n".join(f"  {count:>5} {line}" for line, count in sorted(met.items())))
