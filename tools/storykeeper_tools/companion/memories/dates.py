"""Dates in a text, as far as they are said outright: a day, a month, a year, a decade, a time from one year to another.

What is said in relation to something else ("two years later") is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from typing import NamedTuple

from .wording import eastern, words

_YEAR = r"(?P<year>(?:1[89]\d\d|20[0-4]\d))(?![\d%]|[.,:/–-]\d)"
_LIFE = 110  # years that a time in somebody's memory may take at most
_UNTIL = r"\s*(?:-|–|—|to|until|till|bis|und|and|a|à|al|até|hasta|至|到)\s*"
_PLURAL = r"(?!\s+(?!was\b|is\b|has\b|this\b|its\b)(?-i:[a-zà-ÿ])\w*s\b)"
_BEFORE, _AFTER = 48, 32
_OF = r"(?:\s+(?:of|de|del|do|di))?"
_HAN = str.maketrans("〇零一二三四五六七八九", "00123456789")


class Dated(NamedTuple):
    """An ISO date, month, year or period, and where it stands."""

    start: int
    end: int
    date: str


def first(text: str, language: str) -> str:
    """The first date that a text tells; nothing where there is none."""
    return next((dated.date for dated in every(text, language)), "")


def every(text: str, language: str) -> Iterator[Dated]:
    """All dates in their order; of those that overlap the most exact."""
    end = 0
    for year in _signs(language).finditer(text):
        if year.start() < end or _numbered().search(text, max(0, year.start() - 24), year.start()):
            continue
        found = _around(text, year.start(), end, language)
        if found:
            end = found.end
            yield found


def _around(text: str, at: int, after: int, language: str) -> Dated | None:
    """The date whose year, or decade, starts at a place of a text."""
    start, end = max(after, at - _BEFORE), at + _AFTER
    for pattern, reading in _patterns(language):
        for match in pattern.finditer(text, start, end):
            if match.start() <= at < match.end() and (told := reading(match)):
                return Dated(match.start(), match.end(), told)
    return None


def years(date: str) -> tuple[int, int]:
    """The first and the last year of an ISO date or period."""
    found = [int(year) for year in re.findall(r"\d{4}", re.sub(r"-\d\d", "", date))]
    return (found[0], found[-1]) if found else (0, 0)


@cache
def _patterns(language: str) -> list[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]]:
    return list(_eastern(language) if eastern(language) else _western(language))


def _eastern(language: str) -> Iterator[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]]:
    yield re.compile(r"(?P<year>(?:1[89]|20)\d\d)\s*年?" + _UNTIL + r"(?P<to>(?:1[89]|20)\d\d)\s*年"), _span
    day = r"(?:(?P<month>\d{1,2})\s*月(?:(?P<day>\d{1,2})\s*[日号])?)?"
    yield re.compile(r"(?P<year>(?:1[89]|20)\d\d)\s*年" + day), _digits
    yield re.compile(r"(?P<year>[一二][〇零一二三四五六七八九]{3})年"), lambda m: m["year"].translate(_HAN)
    yield from _decades(language)


def _western(language: str) -> Iterator[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]]:
    said = words(language, "dates")
    months = {name: n for n, month in enumerate(said["months"], 1) for name in month.split("|")}
    days = {name: n for n, day in enumerate(said["days"], 1) for name in day.split("|")}
    month = rf"(?P<month>{_any(months)})\.?"
    day = rf"\b(?P<day>\d{{1,2}}|{_any(days) or '0'})(?:st|nd|rd|th|\.|º|°|er)?"
    named = _named(months, days)
    yield _compiled(rf"{day}{_OF}\s+{month},?{_OF}\s+{_YEAR}"), named
    yield _compiled(rf"\b{month}\s+{day},?\s+{_YEAR}"), named
    yield _compiled(rf"\b{month},?{_OF}\s+{_YEAR}"), named
    yield _compiled(r"(?<![\d-])(?P<year>(?:1[89]|20)\d\d)-(?P<month>0\d|1[0-2])(?:-(?P<day>\d\d))?\b(?!-\d)"), _digits
    yield _compiled(rf"\b(?P<day>\d{{1,2}})[./-](?P<month>\d{{1,2}})[./-]{_YEAR}"), _ordered(language)
    yield _compiled(rf"(?<![\d-])\b{_YEAR.partition('(?!')[0]}{_UNTIL}(?P<to>(?:1[89]|20)\d\d)\b(?!-\d)"), _span
    yield _compiled(r"(?<![\d-])(?P<year>(?:1[89]|20)\d\d)\s?[/–-]\s?(?P<short>\d\d)\b(?![./:-]\d)"), _short
    yield from _decades(language)
    of = r"(?:the\s+|year\s+|jahre?\s+|año\s+|anno\s+|ano\s+)?"
    few, many = rf"\b(?!\s+(?:{said['units']})\b)", rf"\b(?!\s+(?:{said['counted']})\b)(?!{_UNTIL}\d{{3}})"
    yield _compiled(rf"\b(?:{said['before']})\s+{of}{_YEAR}{few}"), _year
    many += "" if language == "de" else _PLURAL  # no noun of its is written small
    yield _compiled(rf"(?<!\d\s)\b(?:{said['around']})\s+{of}{_YEAR}{few}{many}"), _year
    yield _compiled(rf"(?:\(|^\W*){_YEAR}{few}{many}"), _year


def _decades(language: str) -> Iterator[tuple[re.Pattern[str], Callable[[re.Match[str]], str]]]:
    said = words(language, "dates")
    tens = {name: 20 + 10 * n for n, name in enumerate(said["tens"])}
    for pattern in said["decades"]:
        filled = pattern.replace("{tens}", rf"(?P<decade>{_any(tens)})").replace("{ten}", r"(?P<decade>[2-9]0)")
        bound = "" if eastern(language) else r"\b"
        yield _compiled(rf"(?<!\d){filled}{bound}"), _decade(tens, _compiled(rf"(?:{said['whose']})\s+$"))


@cache
def _numbered() -> re.Pattern[str]:
    """What stands before a number that is no year, in any language."""
    said = (
        "tel|telephone|phone|fax|isbn|number|no|nr|nº|n°|num|nummer|telefon|telefono|teléfono|telefone|téléphone|numéro"
    )
    return _compiled(rf"(?:\b(?:{said}|numero|número)\b[.:]?|电话|号码)(?:\s+(?:is|was))?[\s:：\d-]*$")


@cache
def _signs(language: str) -> re.Pattern[str]:
    """Finds where a year or a decade may stand."""
    tens = _any(dict.fromkeys(words(language, "dates")["tens"], 0))
    return _compiled(rf"(?<!\d)(?:1[89]|20)\d\d|[一二][〇零九八]|(?<!\d)[2-9]0(?!\d)|{tens}")


def _named(months: dict[str, int], days: dict[str, int]) -> Callable[[re.Match[str]], str]:
    def read(match: re.Match[str]) -> str:
        day = match.groupdict().get("day") or ""
        number = int(day) if day.isdigit() else days.get(day.casefold(), 0)
        return iso(int(match["year"]), months[match["month"].casefold()], number)

    return read


def _ordered(language: str) -> Callable[[re.Match[str]], str]:
    def read(match: re.Match[str]) -> str:
        day, month = int(match["day"]), int(match["month"])
        if month > 12:
            day, month = month, day
        elif language == "en" and day <= 12 and day != month:
            return match["year"]  # the third of April here is the fourth of March over there
        return iso(int(match["year"]), month, day)

    return read


def _digits(match: re.Match[str]) -> str:
    return iso(int(match["year"]), int(match["month"] or 0), int(match["day"] or 0))


def _span(match: re.Match[str]) -> str:
    return _between(int(match["year"]), int(match["to"]))


def _short(match: re.Match[str]) -> str:
    """1939-45, and the winter of 1947/48."""
    start = int(match["year"])
    return _between(start, start - start % 100 + int(match["short"]))


def _between(start: int, end: int) -> str:
    return f"{start}/{end}" if 0 < end - start <= _LIFE else ""


def _year(match: re.Match[str]) -> str:
    return match["year"]


def _decade(tens: dict[str, int], whose: re.Pattern[str]) -> Callable[[re.Match[str]], str]:
    def read(match: re.Match[str]) -> str:
        if whose.search(match.string, max(0, match.start() - 24), match.start()):
            return ""  # an age
        said = match["decade"]
        start = 1900 + (int(said) if said.isdigit() else tens[said.casefold()])
        return f"{start}/{start + 9}"

    return read


def iso(year: int, month: int = 0, day: int = 0) -> str:
    """As exact as it can be: a day that no month has is the month."""
    if not 1 <= month <= 12:
        return str(year)
    try:
        return date(year, month, day).isoformat()
    except ValueError:
        return f"{year}-{month:02}"


def _any(names: dict[str, int]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.I | re.M)
