"""The schedules on which pages are refreshed. They are kept and shown; the sandbox refreshes only when asked."""

from __future__ import annotations

from pydantic import Field

from ..envelopes import invalid
from ..schema import Part
from ..state import Row, Rows, Snapshot
from .documents import Tree

_DAYS = 7


class Schedule(Part):
    """What new pages and folders may say."""

    enable_auto_sync: bool = False
    auto_remove: bool = False
    minimum_frequency_days: int | None = Field(default=None, ge=1, le=180)


class Change(Part):
    """What changes of pages and folders may say. Only the official client has these, the official file doesn't."""

    enable_auto_sync: bool | None = None
    auto_remove: bool | None = None
    minimum_frequency_days: int | None = Field(default=None, ge=1, le=180)
    tighten_only: bool | None = None


def planned(rows: Snapshot, schedule: Schedule, folder: str | None, now: float) -> Row | None:
    """A new document's schedule: weekly, or as often as its folder if that is stricter; None without auto-sync."""
    if not schedule.enable_auto_sync:
        return None
    above: Row = (rows.get("document", folder) if folder else None) or {}
    ruling: Row = above.get("sync") or {"days": _DAYS}
    days = schedule.minimum_frequency_days or min(_DAYS, ruling["days"])
    return {"days": days, "remove": schedule.auto_remove, "synced": now}


def changed(document: Row, change: Change, now: float) -> Row | None:
    """A document's schedule after a change: what isn't said stays. Texts and files have none."""
    old = document.get("sync")
    enabled = bool(old) if change.enable_auto_sync is None else change.enable_auto_sync
    if not enabled:
        return None
    if document["type"] not in ("url", "folder"):
        raise invalid("auto_sync_not_supported", "Only pages and folders can be synchronised.", "enable_auto_sync")
    old = old or {"days": _DAYS, "remove": False, "synced": now}
    return {
        "days": change.minimum_frequency_days or old["days"],
        "remove": old["remove"] if change.auto_remove is None else change.auto_remove,
        "synced": old["synced"],
    }


def spread(rows: Rows, folder: Row, *, tighten: bool) -> None:
    """Give a folder's schedule to the pages and folders in it, or only make theirs at least as strict."""
    ruling = folder["sync"]
    for document in Tree(rows).below(folder["id"]):
        if document["type"] in ("url", "folder"):
            rows.put("document", document["id"], {**document, "sync": _under(ruling, document.get("sync"), tighten)})


def _under(ruling: Row | None, own: Row | None, tighten: bool) -> Row | None:
    if not tighten or not own:
        return ruling
    return {**own, "days": min(own["days"], ruling["days"])} if ruling else own
