"""How long conversations are kept: an agent's privacy settings, applied by the clock whenever somebody looks.

A conversation follows the settings that its agent had when it began, or the agent's latest ones where these say
`apply_to_existing_conversations`. When its days are over, `delete_audio` and `delete_transcript_and_pii` choose what
goes; without either the whole conversation goes. What exactly the live service does is unverified.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..state import Row, Rows, Snapshot, State

AUDIO = "conversation audio"
_PARTS = {"audio_at", "transcript_at"}
_DAY = 24 * 60 * 60
_WEEK = 7 * _DAY
# A retention of no days still leaves the post-call webhooks the time to tell what was said.
_GRACE = 60


@dataclass(frozen=True)
class Calls:
    """An agent's conversations in numbers: when the last began, in Unix seconds, and how many began this week."""

    last: float | None = None
    week: int = 0


def calls(rows: Snapshot, now: float) -> dict[str, Calls]:
    """The numbers of every agent that was ever called; conversations that retention took don't count."""
    counted: dict[str, Calls] = {}
    for row in rows.all("conversation"):
        before = counted.get(row["agent"], Calls())
        week = before.week + (row["created"] > now - _WEEK)
        counted[row["agent"]] = Calls(max(before.last or 0.0, row["created"]), week)
    return counted


def sweep(state: State, workspace: str, now: float) -> None:
    """Delete of every conversation what its time is over for, and end those that a crash left behind.

    While that is nothing, nobody has to wait for it.
    """
    with state.reading(workspace) as rows:
        kept = rows.all("conversation")
        left = [row["id"] for row in kept if _abandoned(rows, row, now)]
    if not kept:
        return
    if left:
        with state.rows(workspace) as rows:
            for row in filter(None, [rows.get("conversation", id) for id in left]):
                rows.put("conversation", row["id"], {**row, **_broken_off(row, now)})
    with state.reading(workspace) as rows:
        over = [row["id"] for row in rows.all("conversation") if _lost(row, settled(rows, row, now))]
    if over:
        with state.rows(workspace) as rows:
            for row in filter(None, [rows.get("conversation", id) for id in over]):
                _shed(rows, row, settled(rows, row, now))


def _abandoned(rows: Snapshot, row: Row, now: float) -> bool:
    """Whether it says that it goes on, and is older than it can have become."""
    began = rows.get("version", row["version"]) or rows.get("agent", row["agent"])
    longest = began["settings"]["conversation_config"]["conversation"]["max_duration_seconds"] if began else 0
    return row["status"] == "in-progress" and now > row["created"] + longest + _GRACE


def _broken_off(row: Row, now: float) -> Row:
    last = max((turn["at"] for turn in row["transcript"]), default=0.0)
    return {"status": "failed", "ended": min(now, row["created"] + last), "reason": "The sandbox was stopped."}


def _shed(rows: Rows, row: Row, left: Row | None) -> None:
    if left is None:
        delete(rows, row["id"])
        return
    if "audio_at" in left["deletion"]:
        rows.erase(AUDIO, row["id"])
    rows.put("conversation", row["id"], left)


def _lost(row: Row, left: Row | None) -> set[str]:
    return {"all"} if left is None else left["deletion"].keys() - row.get("deletion", {}).keys() & _PARTS


def settled(rows: Snapshot, row: Row, now: float) -> Row | None:
    """The conversation as it is to be shown by now, None if its time is over; nothing is deleted."""
    privacy = _privacy(rows, row)
    end = _end(row, privacy)
    chosen = _chosen(privacy)
    left: Row = {**row, "deletion": {**row.get("deletion", {}), "time": end, **chosen}}
    if end is None or end > now:
        return left
    return _without(left, end) if any(chosen.values()) else None


def delete(rows: Rows, id: str) -> bool:
    """Delete a conversation and its recording; False if there was none."""
    rows.erase(AUDIO, id)
    return rows.drop("conversation", id)


def _privacy(rows: Snapshot, row: Row) -> dict[str, Any]:
    began, latest = rows.get("version", row["version"]), rows.get("agent", row["agent"])
    now = latest and latest["settings"]["platform_settings"]["privacy"]
    if began is None or (now and now["apply_to_existing_conversations"]):
        return now or {}
    return began["settings"]["platform_settings"]["privacy"]


def _end(row: Row, privacy: dict[str, Any]) -> float | None:
    days = 0 if privacy.get("zero_retention_mode") else privacy.get("retention_days", -1)
    if days < 0 or row["ended"] is None:
        return None
    return max(row["created"] + days * _DAY, row["ended"] + _GRACE)


def _chosen(privacy: dict[str, Any]) -> dict[str, bool]:
    # Without retention nothing personal stays, but that there was a call does.
    zero = bool(privacy.get("zero_retention_mode"))
    return {part: zero or bool(privacy.get(part)) for part in ("delete_audio", "delete_transcript_and_pii")}


def _without(row: Row, end: float) -> Row:
    deletion = row["deletion"]
    if deletion["delete_audio"] and "audio_at" not in deletion:
        row |= {"has_user_audio": False, "has_response_audio": False}
        deletion["audio_at"] = end
    if deletion["delete_transcript_and_pii"] and "transcript_at" not in deletion:
        row |= {"transcript": [], "user": None, "client_data": {}}
        deletion["transcript_at"] = end
    return row
