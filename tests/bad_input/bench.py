"""What the rows of the table are tried on: a real server, its sandbox, an allowed folder and one beside it."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

import canary
import sounds
import spoiled
from judged import served
from processes import PATIENCE, Place
from storykeeper_server.sandbox.app import build
from storykeeper_server.sandbox.state import State
from wire import LONGEST, Reply, Wire

KEY = {"xi-api-key": "sandbox"}
OUTSIDE = "Kept-Outside-4711"  # what a file beside the allowed folder says; it may turn up nowhere


@dataclass
class Bench:
    """`things` are ids of what the account holds: ours are told from those that somebody else made."""

    wire: Wire
    here: Place
    folder: Path
    outside: Path
    things: dict[str, str] = field(default_factory=dict[str, str])

    def call(self, name: str, patience: float = LONGEST, /, **arguments: Any) -> Reply:
        return self.wire.call(name, patience, **arguments)

    def good(self, name: str, /, **arguments: Any) -> dict[str, Any]:
        """A call that belongs to a set-up, and so works."""
        reply = self.call(name, 60, **arguments)
        assert reply.code == "ok", reply.message
        return reply.content

    def fault(self, rule: str) -> None:
        self.here.http.post("/_sandbox/faults", json=rule).raise_for_status()

    def requests(self, method: str = "*") -> list[dict[str, Any]]:
        """What has reached the sandbox since the row began."""
        return self.here.http.get("/_sandbox/requests", params={"method": method}).json()["requests"]

    def changes(self) -> int:
        """How many of those could have changed something."""
        return sum(each["method"] not in {"GET", "HEAD"} for each in self.requests())

    def clear(self) -> None:
        """No faults, and nothing seen yet."""
        self.here.http.delete("/_sandbox/faults").raise_for_status()
        self.here.http.delete("/_sandbox/requests").raise_for_status()

    def file(self, name: str, data: bytes = b"", text: str = "") -> str:
        """A file in the allowed folder."""
        path = self.folder / name
        path.write_bytes(data or text.encode())
        return str(path)

    @property
    def recording(self) -> str:
        return str(self.folder / "recording.wav")


Try = Callable[[Bench], Reply]


@contextmanager
def lawless(home: Path, **more: str) -> Iterator[Place]:
    """A place whose sandbox nobody judges, since its answers are wrong on purpose."""
    with served(build(State(None), keys=canary.KEYS)) as url, httpx.Client(base_url=url, timeout=PATIENCE) as http:
        yield Place(http, home, more)


@dataclass(frozen=True)
class Row:
    """`code` is that of the refusal, `ok` for what is taken, or the number of a protocol's error. `sends` is how many
    changing requests may have gone out; None is any number. `says` has to stand in the answer. Reads are always allowed
    where `reads` says so."""

    group: str
    what: str
    attempt: Try
    code: str | int
    sends: int | None = 0
    reads: bool = False
    says: str = ""
    check: Callable[[Bench, Reply], bool] = lambda bench, reply: True


def furnished(bench: Bench) -> None:
    """Files and things that rows speak of."""
    bench.outside.mkdir()
    for name in ("secret.txt", "twin.txt"):
        (bench.outside / name).write_text(f"{OUTSIDE}: nobody may read this.")
    Path(bench.recording).write_bytes(sounds.wav(sounds.speech(40), 16_000))
    bench.file("memory.md", text="# Cork\nBorn in Cork.\n")
    _files(bench)
    http = bench.here.http
    agent = http.post("/v1/convai/agents/create", json={"conversation_config": {}, "name": "Somebody's"}, headers=KEY)
    bench.things["theirs"] = agent.json()["agent_id"]
    bench.good("record_consent", name="Rosa", recordings=[bench.recording], kind="self", granted_by="Rosa")
    bench.things["voice"] = bench.good("clone_voice", name="Rosa", recordings=[bench.recording])["voice_id"]
    uploaded = bench.good("upload_knowledge_base", text="Rosa lived in Cork.", title="Cork")
    bench.things["document"] = uploaded["documents"][0]["id"]
    made = bench.good("create_agent", name="Rosa", voice_id=bench.things["voice"])
    bench.things["agent"] = made["agent_id"]
    plan = bench.good("plan_companion", spec=spec(bench))
    bench.things |= {"plan": plan["plan_id"], "companion": plan["companion"]}
    http.get("/v1/user", headers=KEY).raise_for_status()


def _files(bench: Bench) -> None:
    (bench.folder / "link.txt").symlink_to(bench.outside / "secret.txt")
    (bench.folder / "linked").symlink_to(bench.outside)
    (bench.folder / "hard.txt").hardlink_to(bench.outside / "twin.txt")
    (bench.folder / "folder").mkdir()
    bench.file("zip.wav", spoiled.zipped())
    bench.file("random.wav", spoiled.random())
    bench.file("empty.wav", b"\0" * 0 or b"RIFF")
    bench.file("empty.txt")
    bench.file("blank.txt", text=" \n\t\n")
    bench.file("latin.txt", "Grandma lived in Köln and baked Brötchen.".encode("latin-1"))
    bench.file("program.md", b"\x7fELF" + bytes(range(256)) * 4)
    for name in (
        "-rf.txt",
        'quote".txt',
        "new\r\nline.txt",
        "semi;colon=1.txt",
        unicodedata.normalize("NFD", "Dörte.txt"),
    ):
        bench.file(name, text=f"In {name.encode()!r} there is a memory of Cork.")


def spec(bench: Bench, name: str = "Dorothy", **more: Any) -> dict[str, Any]:
    """A companion as it may be asked for."""
    return {"subject": {"name": name}, "recordings": [bench.recording], **more}
