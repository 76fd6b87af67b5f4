"""WhatsApp's exports: conversations, in the ways phones of many countries write them."""

from __future__ import annotations

import pytest

from storykeeper_tools.companion.memories.item import Item
from storykeeper_tools.companion.memories.reading.files import read

IPHONE = """\u200e[12/03/2019, 14:05:33] Mum: \u200eMessages and calls are end-to-end encrypted.
[12/03/2019, 14:05:40] Mum: Your grandfather built the boat in 1947.
He called it Dorothy.

He never sailed it.
[12/03/2019, 14:06:02] ~\u202fNiamh: Really? 14:30 is late: call me
\u200e[12/03/2019, 14:07:00] Mum: \u200eimage omitted
[12/03/2019, 21:15:00] Mum: Good night
[13/03/2019, 00:10:00] Niamh: Good night
"""


def chat(text: str) -> list[Item]:
    return read("WhatsApp Chat with Mum.txt", text.encode())


def test_a_conversation_is_an_item_with_its_day_and_writers() -> None:
    """A pause of hours or a new day begins another; every line is kept as it is, invisible marks too."""
    items = chat(IPHONE)
    assert [(item.at, item.date, item.contributor, item.people) for item in items] == [
        (1, "2019-03-12", "Mum, Niamh", ("Mum", "Niamh")),
        (8, "2019-03-12", "Mum", ("Mum",)),
        (9, "2019-03-13", "Niamh", ("Niamh",)),
    ]
    assert "\n".join(item.text for item in items) == IPHONE.rstrip()


def test_the_name_of_the_file_is_not_asked() -> None:
    """A chat in a Markdown file is one, and a text called chat is none."""
    assert len(read("notes.md", IPHONE.encode())) == 3
    assert [item.date for item in read("_chat.txt", b"On 12/03/2019, at 14:05 Mum called.\n\nThen I left.")] == ["", ""]


@pytest.mark.parametrize(
    "line",
    [
        "[12/03/2019, 14:05:33] {}: {}",
        "[12/03/2019 14:05:33] {}: {}",
        "[12.03.19, 14:05:33] {}: {}",
        "[12/03/19 à 14:05:33] {}: {}",
        "[12/3/2019, 2:05:33\u202fp.\xa0m.] {}: {}",
        "[2019/3/12 下午2:05:33] {}: {}",
        "[2019-03-12, 14:05:33] {}: {}",
        "12/03/2019, 14:05 - {}: {}",
        "12/03/2019 14:05 - {}: {}",
        "12/03/2019 à 14:05 - {}\xa0: {}",
        "12.03.19, 14:05 - {}: {}",
        "12-03-2019 14:05 - {}: {}",
        "12/03/2019, 2:05 pm - {}: {}",
        "12/03/2019, 2:05\u202fpm - {}: {}",
        "12/3/19 14:05 - {}: {}",
        "3/12/19, 2:05\u202fPM - {}: {}",
    ],
)
def test_phones_of_many_countries_write_the_same_afternoon(line: str) -> None:
    """Brackets or a dash, dots or slashes, twelve or twenty-four hours, the day or the month first."""
    items = chat("\n".join([line.format("Mum", "It rained."), line.format("Seán Óg", "It did: all day.")]))
    assert [(item.date, item.people) for item in items] == [("2019-03-12", ("Mum", "Seán Óg"))]


@pytest.mark.parametrize(
    ("dates", "days"),
    [
        (["01/02/19", "01/13/19"], ["2019-01-02", "2019-01-13"]),
        (["01/02/19", "13/02/19"], ["2019-02-01", "2019-02-13"]),
        (["03/04/19", "04/03/19"], ["2019-03-04", "2019-04-03"]),
        (["04/03/19", "03/04/19"], ["2019-03-04", "2019-04-03"]),
        (["03/04/2019", "05/06/2019"], ["2019-04-03", "2019-06-05"]),
    ],
    ids=["a 13th of no month", "a 13th", "month first, or time runs backward", "day first, or it does", "undecided"],
)
def test_the_whole_file_decides_which_number_is_the_day(dates: list[str], days: list[str]) -> None:
    """What can't be a month, then the order in which time runs forward; else the day comes first."""
    text = "\n".join(f"{date}, 14:05 - Mum: told" for date in dates)
    assert [item.date for item in chat(text)] == days


@pytest.mark.parametrize(
    "left_out",
    [
        "<Media omitted>",
        "<Medien ausgeschlossen>",
        "Bild weggelassen",
        "<Multimedia omitido>",
        "imagen omitida",
        "<Médias omis>",
        "image absente",
        "<Media omessi>",
        "immagine omessa",
        "<Mídia oculta>",
        "Mensagem apagada",
        "IMG-20190312-WA0001.jpg (file attached)",
        "图像已忽略",
        "This message was deleted.",
    ],
)
def test_what_only_the_app_says_is_no_memory_of_its_own(left_out: str) -> None:
    """Its lines go with the conversation that follows, whose day counts."""
    items = chat(f"12/03/2019, 14:05 - Mum: {left_out}\n14/03/2019, 09:00 - Mum: That was the boat.")
    assert [(item.at, item.date) for item in items] == [(1, "2019-03-14")]
    assert left_out in items[0].text


def test_an_iphones_notices_are_nobodys_words() -> None:
    """They carry a writer's name, and an invisible mark."""
    notice = "[12/03/2019, 14:05:33] Mum: \u200eYour security code changed."
    assert [item.date for item in chat(f"{notice}\n[14/03/2019, 09:00:00] Mum: told\n")] == ["2019-03-14"]


def test_noon_and_midnight_are_twelve() -> None:
    """An hour after the one in the night is in the night, after the other in the afternoon."""
    times = ("12:30 AM", "1:30 AM", "12:30 PM", "1:30 PM")
    items = chat("\n".join(f"3/12/19, {time} - Mum: told" for time in times))
    assert [item.text.count("told") for item in items] == [2, 2]


def test_a_single_line_is_no_chat() -> None:
    """A note may begin with a date."""
    (item,) = chat("12/03/2019, 14:05 - Mum: she called.\nI was out.")
    assert (item.date, item.contributor) == ("", "")


def test_lines_without_a_writer_are_kept_with_the_talk_around_them() -> None:
    """Groups made and names changed, before and after anything was said."""
    lines = [
        "11/03/2019, 08:00 - Messages to this group are now secured with end-to-end encryption.",
        "12/03/2019, 14:05 - Mum: told",
        "12/03/2019, 14:06 - Niamh: heard",
        "14/03/2019, 14:06 - Mum left",
    ]
    text = "\n".join(lines)
    items = chat(text)
    assert [item.people for item in items] == [("Mum", "Niamh"), ()]
    assert "\n".join(item.text for item in items) == text


def test_a_date_that_is_none_is_part_of_the_message() -> None:
    """Somebody may write anything into a message, also what looks like the next one."""
    items = chat("12/03/2019, 14:05 - Mum: a\n99/99/2019, 14:06 - Eve: b\n12/03/2019, 14:07 - Niamh: c")
    assert [item.people for item in items] == [("Mum", "Niamh")]
