"""From a person's folder to the wire: what is judged is what is kept, and what is kept is what is sent."""

from __future__ import annotations

import hashlib
import io
import os
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import sounds
from stage import EXAMPLE, Stage
from storykeeper_tools.companion.spec import Wish
from storykeeper_tools.companion.written import Misread, load, read
from storykeeper_tools.errors import BadInput, FileRefused, RecordingRefused
from storykeeper_tools.provisioning.blobs import Blobs

pytestmark = pytest.mark.anyio
MP3 = (EXAMPLE / "recording.mp3").read_bytes()


class Restless(io.FileIO):
    """A file that changes when it is read, so many times: `by` bytes are written to its end, or taken from it."""

    by, times = 0, 5

    def read(self, size: int | None = -1, /) -> bytes:
        if self.times:
            self.times -= 1
            os.truncate(self.name, max(0, os.fstat(self.fileno()).st_size + self.by))
        return super().read(-1 if size is None else size)


def restless(path: Path, by: int, times: int = 5) -> Any:
    path.write_bytes(os.urandom(5 * 1024 * 1024))
    file = Restless(path)
    file.by, file.times = by, times
    return file


@pytest.mark.parametrize("by", [700_000, -700_000])
def test_a_file_that_changes_while_it_is_read_is_named_by_the_bytes_that_were_kept(tmp_path: Path, by: int) -> None:
    """It grows or shrinks; hash and copy stay one."""
    blobs = Blobs(tmp_path / "blobs")
    with restless(tmp_path / "tape", by) as file, blobs.staging() as staging:
        sha256 = staging.add(file)
    kept = (tmp_path / "blobs" / sha256).read_bytes()
    assert hashlib.sha256(kept).hexdigest() == sha256
    assert len(kept) != 5 * 1024 * 1024


def test_a_file_that_grows_without_end_is_given_up(tmp_path: Path) -> None:
    """And nothing of it stays."""
    blobs = Blobs(tmp_path / "blobs", 8 * 1024 * 1024)
    with (
        restless(tmp_path / "tape", 2 * 1024 * 1024, 1000) as file,
        pytest.raises(FileRefused, match="grew"),
        blobs.staging() as staging,
    ):
        staging.add(file)
    assert list((tmp_path / "blobs").iterdir()) == []


async def asked(stage: Stage, path: str) -> httpx.Response:
    """What the service has, as it would say it to anybody."""
    transport = httpx.ASGITransport(stage.remote)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1", headers={"xi-api-key": "sandbox"}
    ) as client:
        return await client.get(path)


NAMES = [
    b"-rf.wav",
    b"a\nb.mp3",
    b'a"; filename="x.mp3',
    b"a\r\nX-Evil: 1\r\n\r\n<b>.mp3",
    b"caf\xe9.mp3",
    b"%2e%2e%2fsecret.mp3",
    unicodedata.normalize("NFD", "mémé.mp3").encode(),
]


async def test_no_name_of_a_file_gets_into_a_request(stage: Stage, tmp_path: Path) -> None:
    """Dashes, line breaks, quotes, bytes that aren't UTF-8: what the service gets is numbered, and no more than that."""
    paths, said = [os.fsdecode(name) for name in NAMES], sounds.speech(62)
    for n, path in enumerate(paths):
        (tmp_path / path).write_bytes(sounds.wav(said * np.float32(1 - n / 10), 16_000))
    await stage.call("record_consent", name="Dorothy", recordings=paths, kind="self", granted_by="Dorothy")
    clone = await stage.call("clone_voice", name="Dorothy", recordings=paths)
    voice = await asked(stage, f"/v1/voices/{clone.voice_id}")
    names = [sample["file_name"] for sample in voice.json()["samples"]]
    assert names == [f"recording-{n}.wav" for n in range(1, len(NAMES) + 1)]


async def test_what_was_deleted_after_planning_is_sent_as_it_was(stage: Stage, tmp_path: Path) -> None:
    """A run reads what was staged; a file that is another one by now changes nothing."""
    (tmp_path / "mum.mp3").write_bytes(MP3)
    (tmp_path / "notes.md").write_text("# Childhood\n\nShe grew up in Cork.\n")
    wish = Wish.model_validate({"subject": {"name": "D"}, "recordings": ["mum.mp3"], "memories": ["notes.md"]})
    plan = await stage.call("plan_companion", spec=wish)
    (tmp_path / "mum.mp3").unlink()
    (tmp_path / "notes.md").write_text("Something else.")
    await stage.call("record_consent", companion=plan.companion, kind="self", granted_by="D")
    view = await stage.call("provision_companion", plan_id=plan.plan_id)
    assert view.status == "done"
    [document] = view.documents
    assert "Cork" in (await asked(stage, f"/v1/convai/knowledge-base/{document.id}/content")).text


def zipped(**files: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name, text in files.items():
            file.writestr(name, text)
    return made.getvalue()


OTHERS = {
    "zip": zipped(a="b"),
    "elf": b"\x7fELF" + bytes(500),
    "pdf": b"%PDF-1.7\n" + bytes(500),
    "key": b"-----BEGIN KEY-----",
}


@pytest.mark.parametrize("kind", OTHERS)
@pytest.mark.parametrize("ending", ["wav", "mp3", "m4a", "flac"])
async def test_only_recordings_are_cloned_from(stage: Stage, tmp_path: Path, kind: str, ending: str) -> None:
    """Whatever a file is called: its first bytes say what it is, and nothing else is decoded, kept or sent."""
    (tmp_path / f"mum.{ending}").write_bytes(OTHERS[kind])
    with pytest.raises(RecordingRefused):
        await stage.call(
            "plan_companion", spec=Wish.model_validate({"subject": {"name": "D"}, "recordings": [f"mum.{ending}"]})
        )
    assert stage.faults.log == []
    assert not list((tmp_path / "state").rglob("blobs/*"))


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.docx", OTHERS["zip"]), ("notes.epub", OTHERS["zip"]), ("notes.pdf", OTHERS["zip"]), ("notes.pdf", OTHERS["elf"]),
        ("notes.md", OTHERS["elf"]), ("id_rsa", OTHERS["key"]), (".env", OTHERS["key"]), ("notes.exe", OTHERS["elf"]), ("notes.txt", MP3),
    ],
)  # fmt: skip
async def test_only_texts_are_uploaded(stage: Stage, tmp_path: Path, name: str, data: bytes) -> None:
    """A ZIP isn't a letter because it is called one, and what has no name of a text isn't read as one."""
    (tmp_path / name).write_bytes(data)
    with pytest.raises(BadInput):
        await stage.call("upload_knowledge_base", files=[name])
    assert [method for method, _ in stage.faults.log if method != "GET"] == []


# companion.yaml


def written(folder: Path, name: str = "companion.yaml", **said: Any) -> Path:
    (folder / name).write_text(
        "\n".join(["subject: {name: Dorothy}", *(f"{key}: {value}" for key, value in said.items())])
    )
    return folder / name


def test_a_pipe_or_a_device_is_no_companion_and_nobody_waits_for_it(tmp_path: Path) -> None:
    """Neither as the file itself nor as a recording of namesakes, which are compared by content."""
    os.mkfifo(tmp_path / "companion.yaml")
    with pytest.raises(Misread, match="plain file"):
        read([str(tmp_path / "companion.yaml")])
    with pytest.raises(Misread):
        read(["/dev/zero"])
    os.mkfifo(tmp_path / "voice.wav")
    files = [written(tmp_path, f"{n}.companion.yaml", recordings="[voice.wav]", wishes=n) for n in ("one", "two")]
    with pytest.raises(Misread, match="the same companion"):
        read([str(file) for file in files])


def test_a_companion_may_lie_behind_a_link(tmp_path: Path) -> None:
    """As where settings are mounted; what is read is the file that the link meant when it was opened."""
    (tmp_path / "mounted").mkdir()
    (tmp_path / "voice.wav").write_bytes(MP3)
    written(tmp_path / "mounted", recordings="[voice.wav]").rename(tmp_path / "mounted" / "data")
    (tmp_path / "companion.yaml").symlink_to("mounted/data")
    assert load(tmp_path / "companion.yaml").recordings == [str(tmp_path / "voice.wav")]


@pytest.mark.parametrize(("stored", "said"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_in_a_companion_may_be_spelled_either_way(tmp_path: Path, stored: str, said: str) -> None:
    """Editors and disks differ in it."""
    (tmp_path / unicodedata.normalize(stored, "mémé.mp3")).write_bytes(MP3)
    file = written(tmp_path, recordings=f"[{unicodedata.normalize(said, 'mémé.mp3')}]")
    assert len(load(file).recordings) == 1
