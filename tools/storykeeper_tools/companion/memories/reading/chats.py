"""WhatsApp's text exports as items: one for each conversation, every line of it as it stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise

from ...language import offered, table
from ..item import Item

PAUSE = timedelta(hours=4)
_SHOWN = {0x202F: " ", 0xA0: " ", **dict.fromkeys([0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])}
_HEAD = re.compile(
    r"(?P<open>\[)?(?P<a>\d{1,4})(?P<by>[./-]) ?(?P<b>\d{1,2})(?P=by) ?(?P<c>\d{1,4})\.?,? (?:à )?"
    r"(?P<early>上午|下午)? ?(?P<hour>\d{1,2})[:.h](?P<minute>\d{2})(?:[:.]\d{2})?(?: ?(?P<half>[AaPp])\.? ?[Mm]\.?)?"
    r"(?(open)\] ?| [-\u2013] )(?P<rest>.*)"
)
_SENDER = re.compile(r"([^:]{1,60}?) ?: ?(.*)")

Order = tuple[int, int, int]
_DAY_FIRST, _MONTH_FIRST, _YEAR_FIRST = (2, 1, 0), (2, 0, 1), (0, 1, 2)


@dataclass(frozen=True, slots=True)
class _Message:
    """`line` counts from 0; `told` is whether somebody wrote something, not the app."""

    line: int
    at: datetime
    sender: str
    told: bool


def items(text: str, source: str) -> list[Item]:
    """None for a text that isn't a chat. The order of day and month is what the whole file agrees with."""
    lines = text.split("\n")
    messages = _messages(lines)
    first = next((n for n, line in enumerate(lines) if line.strip()), 0)
    if sum(1 for message in messages if message.sender) < 2 or messages[0].line != first:
        return []
    groups = list(_grouped(messages))
    ends = [*(group[0].line for group in groups[1:]), len(lines)]
    return [_item(lines, group, end, source) for group, end in zip(groups, ends, strict=True)]


def _item(lines: Sequence[str], group: Sequence[_Message], end: int, source: str) -> Item:
    start = group[0].line
    writers = tuple(dict.fromkeys(message.sender for message in group if message.sender))
    day = next((message.at for message in group if message.told), group[0].at)
    return Item(
        text="\n".join(lines[start:end]).rstrip(),
        source=source,
        at=start + 1,
        date=day.date().isoformat(),
        contributor=", ".join(writers),
        people=writers,
    )


def _grouped(messages: Sequence[_Message]) -> Iterator[list[_Message]]:
    """Conversations: a new day or a pause starts one; notices alone belong to the one that follows."""
    group = [messages[0]]
    for before, message in pairwise(messages):
        parted = message.at.date() != before.at.date() or message.at - before.at >= PAUSE
        if parted and any(each.told for each in group):
            yield group
            group = []
        group.append(message)
    yield group


def _messages(lines: Sequence[str]) -> list[_Message]:
    heads = [(n, head) for n, line in enumerate(lines) if (head := _HEAD.fullmatch(line.translate(_SHOWN).strip()))]
    order = _order([head for _, head in heads])
    return [_message(n, at, head, lines[n]) for n, head in heads if (at := _moment(head, order))]


def _message(line: int, at: datetime, head: re.Match[str], raw: str) -> _Message:
    found = _SENDER.fullmatch(head["rest"])
    if found is None:
        return _Message(line, at, "", told=False)
    words = found[2].strip()
    notice = re.search(r": ?\u200e", raw) is not None  # how an iPhone marks what the app itself says
    return _Message(line, at, found[1].lstrip("~ ").strip(), told=bool(words) and not notice and not _left_out(words))


def _left_out(words: str) -> bool:
    """A picture or sound that the export has no text of."""
    plain = words.casefold().rstrip(".")
    return (words[0] == "<" and words[-1] == ">") or plain in _notices() or plain.endswith(tuple(_attached()))


@cache
def _notices() -> frozenset[str]:
    return frozenset(said.casefold() for code in offered() for said in table(code, "chat")["left_out"])


@cache
def _attached() -> frozenset[str]:
    return frozenset(said.casefold() for code in offered() for said in table(code, "chat")["attached"])


def _order(heads: Sequence[re.Match[str]]) -> Order:
    """Which number is the day: the order in which all are dates, and in which time runs forward."""
    orders = [_DAY_FIRST, _MONTH_FIRST]
    if heads and len(heads[0]["a"]) == 4:
        return _YEAR_FIRST
    if any(head["half"] in {"A", "P"} and head["by"] == "/" and len(head["c"]) == 2 for head in heads):
        orders.reverse()  # as phones in the United States write it
    return max(orders, key=lambda order: _fit(heads, order))


def _fit(heads: Sequence[re.Match[str]], order: Order) -> tuple[int, int]:
    moments = [moment for head in heads if (moment := _moment(head, order))]
    return len(moments), -sum(1 for before, after in pairwise(moments) if after < before)


def _moment(head: re.Match[str], order: Order) -> datetime | None:
    numbers = [int(head[name]) for name in "abc"]
    year, month, day = (numbers[n] for n in order)
    late = (head["half"] or "").lower() == "p" or head["early"] == "下午"
    half = head["half"] or head["early"]
    hour = int(head["hour"]) % 12 + 12 * late if half else int(head["hour"])
    try:
        return datetime(year + 2000 if year < 100 else year, month, day, hour, int(head["minute"]))
    except ValueError:
        return None
