"""What is kept of a conversation: one row, saved with every turn, so that it can be read while it still goes on."""

from __future__ import annotations

from typing import Any, Literal

from ..routing import Setup
from ..state import Row, Rows
from .admission import Visit
from .ending import Ended
from .frames import Init

Medium = Literal["text", "audio"]


class Record:
    """The history of one conversation."""

    def __init__(self, setup: Setup, visit: Visit, init: Init, *, text_only: bool, language: str) -> None:
        self._setup = setup
        self._workspace = visit.workspace
        self.row: Row = {
            "id": visit.conversation,
            "created": setup.clock(),
            "agent": visit.agent["id"],
            "branch": visit.agent["branch"],
            "version": visit.agent["version"],
            "status": "in-progress",
            "ended": None,
            "user": init.user_id,
            "text_only": text_only,
            "source": init.source_info.source,
            "source_version": init.source_info.version,
            "method": visit.method,
            "reason": "",
            "error": None,
            "cost": 0,
            "client_data": init.model_dump(
                mode="json", include={"conversation_config_override", "custom_llm_extra_body", "dynamic_variables"}
            ),
            "language": language,
            "transcript": [],
            "rating": None,
            "has_user_audio": False,
            "has_response_audio": False,
        }
        self._begun = False
        self._save()

    @property
    def seconds(self) -> float:
        """How long the conversation has lasted."""
        return self._setup.clock() - self.row["created"]

    def heard(self, text: str, medium: Medium) -> None:
        """A turn of the user."""
        self._turn("user", text, medium)

    def said(self, event: int, text: str, medium: Medium, sources: list[Row]) -> None:
        """A turn of the agent, under the event id that the client knows it by."""
        self._turn("agent", text, medium, sources=sources, event=event)

    def called(self, call: Row, result: Row | None) -> None:
        """A tool that the agent used, and what came back if something did."""
        self._turn("agent", None, "text", tool_calls=[call], tool_results=[result] if result else [])

    def cut(self, heard: str) -> str:
        """The agent's last turn was interrupted after `heard`; answers the whole of it."""
        turn = next(turn for turn in reversed(self.row["transcript"]) if turn["role"] == "agent" and turn["message"])
        original = turn["message"]
        turn |= {"message": heard, "original": original, "interrupted": True}
        self._save()
        return original

    def liked(self, event: int | None, score: str | None) -> None:
        """Feedback to a turn of the agent, the last one where none is named; what was never said is ignored."""
        said = [turn for turn in self.row["transcript"] if turn.get("event") and event in (None, turn["event"])]
        if said:
            said[-1]["feedback"] = score
            self._save()

    def close(self, end: Ended, cost: int, audio: bytes | None, sides: tuple[bool, bool]) -> None:
        """The end: status, reason, cost, and the recording if there is one."""
        self.row |= {
            "status": "failed" if end.failed else "done",
            "ended": self._setup.clock(),
            "reason": end.because,
            "error": {"code": end.code, "reason": end.reason} if end.failed else None,
            "cost": cost,
            "has_user_audio": bool(audio) and sides[0],
            "has_response_audio": bool(audio) and sides[1],
        }
        with self._setup.state.rows(self._workspace) as rows:
            if self._put(rows) and audio:
                rows.keep("conversation audio", self.row["id"], audio)

    def _turn(self, role: str, text: str | None, medium: Medium, **more: Any) -> None:
        turn: Row = {"role": role, "message": text, "at": self.seconds, "medium": medium, "interrupted": False}
        rest: Row = {"original": None, "tool_calls": [], "tool_results": [], "sources": [], "feedback": None}
        self.row["transcript"].append({**turn, **rest, **more})
        self._save()

    def _save(self) -> None:
        with self._setup.state.rows(self._workspace) as rows:
            self._put(rows)

    def _put(self, rows: Rows) -> bool:
        """Write the row, with what came in from elsewhere meanwhile; a conversation that was deleted stays so."""
        stored = rows.get("conversation", self.row["id"])
        if stored is None and self._begun:
            return False
        self.row["rating"] = stored["rating"] if stored else None
        rows.put("conversation", self.row["id"], self.row)
        self._begun = True
        return True
