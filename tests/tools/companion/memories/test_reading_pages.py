"""PDF, DOCX and HTML as items: real files, made here, read in a process of its own."""

from __future__ import annotations

import io
import resource
import sys
import zipfile
import zlib
from collections.abc import Callable, Sequence
from functools import cache

import docx
import pytest
from docx.oxml import parse_xml
from fpdf import FPDF
from fpdf.enums import AccessPermission, EncryptionMethod

from storykeeper_tools.companion.memories.reading.files import read
from storykeeper_tools.companion.memories.reading.pages import Line, paragraphs
from storykeeper_tools.errors import BadInput

BIRTH = (
    "Dorothy was born on the third of March 1941 in a small house by the river Lee. Her mother sang while she baked, "
    "and the whole street knew by the song when the bread was ready."
)
BAKERY = "The bakery stood on Shandon Street. On Sundays the ovens were cold, and the cats slept in the shop window."
NAMESPACE = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def pdf(pages: Sequence[Sequence[str]], *, running: str = "", lock: str | None = None, width: float = 0) -> bytes:
    """Pages of paragraphs, the first of the file a heading, and a line at the foot of each with the page's number."""
    made = FPDF()
    made.set_auto_page_break(auto=False)
    if lock is not None:
        made.set_encryption(
            "owner", lock, encryption_method=EncryptionMethod.AES_256, permissions=AccessPermission.none()
        )
    for number, texts in enumerate(pages, 1):
        made.add_page()
        for n, text in enumerate(texts):
            made.set_font("Helvetica", size=18 if number == 1 and n == 0 else 11)
            made.multi_cell(width, 6, text, align="L", new_x="LMARGIN", new_y="NEXT")
            made.ln(5)
        if running:
            made.set_y(-15)
            made.cell(text=running.format(number))
    return bytes(made.output())


def test_paragraphs_of_a_pdf_are_whole_again() -> None:
    """Lines joined, the heading above what follows, pages counted from 1."""
    items = read("life.pdf", pdf([["Childhood in Cork", BIRTH, BAKERY], [BAKERY, BIRTH]]))
    assert [(item.at, item.unit, item.title, item.text) for item in items] == [
        (1, "page", "Childhood in Cork", f"Childhood in Cork\n\n{BIRTH}"),
        (1, "page", "Childhood in Cork", BAKERY),
        (2, "page", "Childhood in Cork", BAKERY),
        (2, "page", "Childhood in Cork", BIRTH),
    ]


def test_a_paragraph_goes_on_over_the_end_of_a_page() -> None:
    """Where the sentence does; it stands where it began."""
    items = read("life.pdf", pdf([["Life", "He never came back to"], ["the house by the river.", BIRTH]]))
    assert [(item.at, item.text) for item in items] == [
        (1, "Life\n\nHe never came back to the house by the river."),
        (2, BIRTH),
    ]


def placed(*texts: str, x: float = 30, size: float = 11, leading: float = 14, top: float = 700) -> list[Line]:
    return [Line(text, x, top - n * leading, size) for n, text in enumerate(texts)]


@pytest.mark.parametrize("running", ["{}", "- {} -", "Page {} of 5", "Seite {}", "{} / 5"])
def test_page_numbers_are_left_out(running: str) -> None:
    """Alone or with the words that belong to them."""
    pages = [
        [*placed(f"It was the year {year}."), Line(running.format(n), 30, 20, 9)] for n, year in enumerate("ab", 1)
    ]
    assert [text for _, text, _ in paragraphs(pages)] == ["It was the year a.", "It was the year b."]


@pytest.mark.parametrize("first", ["1946 {}", "194{}", "Age {}", "Told in Cork"])
def test_what_is_no_page_number_is_kept(first: str) -> None:
    """Years and ages at the head of page after page are memories."""
    pages = [[*placed(first.format(n), size=20), *placed("It rained.", top=600)] for n in range(1, 6)]
    assert sum(first[:3] in text for _, text, _ in paragraphs(pages)) == 5


def test_a_parted_word_is_mended_only_where_it_is_known_whole() -> None:
    """A hyphen may be the word's own."""
    lines = ["Life", "He went to the har-\nbour and saw a well-\nknown boat.", "The harbour was full."]
    assert read("life.pdf", pdf([lines]))[0].text == "Life\n\nHe went to the harbour and saw a well-known boat."


@pytest.mark.parametrize(
    ("pages", "texts"),
    [
        ([placed("昔々、京都に", "住んでいた。")], ["昔々、京都に住んでいた。"]),
        (
            [placed("She sang at night.", "It was loud."), placed("Then", "it rained.")],
            ["She sang at night. It was loud.", "Then it rained."],
        ),
        ([[*placed("She sang.", "It was"), Line("loud.", 30, 660, 11)]], ["She sang. It was", "loud."]),
        (
            [[*placed("She sang", "at night."), Line("It was loud.", 45, 672, 11)]],
            ["She sang at night.", "It was loud."],
        ),
        (
            [[*placed("She sang", "in the"), Line("morn\u00ad", 30, 672, 11), Line("ing.", 30, 658, 11)]],
            ["She sang in the morning."],
        ),
        ([[*placed("She sang and"), *placed("he danced.", x=300)]], ["She sang and he danced."]),
        ([[*placed("She sang."), *placed("He danced.", x=300)]], ["She sang.", "He danced."]),
    ],
    ids=["no blanks in Chinese", "a page's end", "a gap", "an indent", "a soft hyphen", "over columns", "by columns"],
)
def test_lines_become_paragraphs_by_where_they_stand(pages: list[list[Line]], texts: list[str]) -> None:
    """Space, indents and the ends of sentences tell; what isn't sure stays together."""
    assert [text for _, text, _ in paragraphs(pages)] == texts


def test_a_list_in_a_pdf_keeps_its_lines() -> None:
    """Numbers and dashes begin lines of their own."""
    (item,) = read("life.pdf", pdf([["1. bread is baked at night\n2. buns are baked at noon"]]))
    assert item.text == "1. bread is baked at night\n2. buns are baked at noon"


def test_a_pdf_that_anybody_may_open_is_read() -> None:
    """Locked against changes alone."""
    assert read("life.pdf", pdf([["Life", BIRTH]], lock=""))[0].text == f"Life\n\n{BIRTH}"


def test_content_tells_the_kind_and_the_name_does_not() -> None:
    """A PDF called a text is read as the PDF that it is."""
    assert read("life.md", pdf([["Life", BIRTH]]))[0].unit == "page"


@cache
def _picture_only() -> bytes:
    made = FPDF()
    made.add_page()
    made.rect(10, 10, 50, 50)
    return bytes(made.output())


PAGE_OBJECT = b"3 0 obj <</Type /Page /Parent 2 0 R%b>> endobj\n"


def _numbered(pages: int) -> bytes:
    tree = b"2 0 obj <</Type /Pages /Kids [%b] /Count %d>> endobj\n" % (b"3 0 R " * pages, pages)
    return _file(tree + PAGE_OBJECT % b"")


def _looped() -> bytes:
    return _file(b"2 0 obj <</Type /Pages /Kids [2 0 R] /Count 1>> endobj\n")


def _bomb() -> bytes:
    packed = zlib.compress(b"\n" * 100_000_000)
    tree = b"2 0 obj <</Type /Pages /Kids [3 0 R] /Count 1>> endobj\n"
    page = PAGE_OBJECT % b" /Contents 4 0 R /Resources <</Font <</F 5 0 R>>>>"
    stream = b"4 0 obj <</Length %d /Filter /FlateDecode>>\nstream\n%b\nendstream endobj\n" % (len(packed), packed)
    return _file(tree + page + stream + b"5 0 obj <</Type /Font /Subtype /Type1 /BaseFont /Helvetica>> endobj\n")


def _file(objects: bytes) -> bytes:
    start = b"%PDF-1.4\n1 0 obj <</Type /Catalog /Pages 2 0 R>> endobj\n"
    return start + objects + b"trailer <</Root 1 0 R>>\nstartxref\n0\n%%EOF"


@pytest.mark.parametrize(
    ("make", "said", "do"),
    [
        (lambda: pdf([["Life", BIRTH]], lock="secret"), "locked with a password", "without the password"),
        (lambda: pdf([["Life", BIRTH]])[:600], "damaged or cut-off PDF", "copy it again"),
        (lambda: b"%PDF-1.7\n" + bytes(range(256)) * 40, "damaged or cut-off PDF", "copy it again"),
        (lambda: b"%PDF-1.7", "damaged or cut-off PDF", "copy it again"),
        (_picture_only, "its pages are pictures", "OCR"),
        (lambda: _numbered(10_000), "has 10,000 pages; at most 2,000", "split it"),
        (_looped, "damaged or cut-off PDF", "copy it again"),
        (_bomb, "unpacks to more than is read", "split it"),
    ],
    ids=["locked", "cut off", "random", "header only", "scan", "10,000 pages", "its own parent", "bomb"],
)
def test_a_pdf_that_cannot_be_read_is_refused_with_what_to_do(make: Callable[[], bytes], said: str, do: str) -> None:
    """And the next file is read."""
    with pytest.raises(BadInput, match=f"'life.pdf' .*({said})") as refused:
        read("life.pdf", make())
    assert do in refused.value.next


def word(document: docx.document.Document) -> bytes:
    made = io.BytesIO()
    document.save(made)
    return made.getvalue()


def test_a_docx_is_read_with_headings_lists_tables_and_without_what_was_deleted() -> None:
    """Paragraphs counted from 1; pictures left out; a tracked change as it would be accepted."""
    document = docx.Document()
    document.add_heading("Childhood", 1)
    document.add_paragraph(BIRTH)
    document.add_paragraph("bread", style="List Bullet")
    document.add_paragraph("buns", style="List Bullet")
    table = document.add_table(2, 2)
    for cell, text in zip(
        [*table.rows[0].cells, *table.rows[1].cells], ["year", "street", "1947", "*Hill*"], strict=True
    ):
        cell.text = text
    changed = document.add_paragraph("She was ")
    changed._p.append(parse_xml(f'<w:del xmlns:w="{NAMESPACE}"><w:r><w:delText>sad</w:delText></w:r></w:del>'))
    changed._p.append(parse_xml(f'<w:ins xmlns:w="{NAMESPACE}"><w:r><w:t>glad_of_it</w:t></w:r></w:ins>'))
    items = read("life.docx", word(document))
    assert [(item.unit, item.title) for item in items] == [("paragraph", "Childhood")] * 4
    assert [item.text for item in items] == [
        f"# Childhood\n\n{BIRTH}",
        "- bread\n- buns",
        "| year | street |\n| --- | --- |\n| 1947 | *Hill* |",
        "She was glad_of_it",
    ]
    assert [item.at for item in items] == [1, 3, 4, 5]


def test_headings_of_other_languages_are_headings() -> None:
    """By the styles' names in programs that translate them; a document's title is the highest."""
    document = docx.Document()
    for style in ("Überschrift 1", "Título 2"):
        document.styles.add_style(style, docx.enum.style.WD_STYLE_TYPE.PARAGRAPH)
    for style in ("Title", "Überschrift 1", "Título 2"):
        document.add_paragraph(f"In {style}", style=style)
        document.add_paragraph(BIRTH)
    items = read("life.docx", word(document))
    assert [item.text.split("\n")[0] for item in items] == ["# In Title", "# In Überschrift 1", "## In Título 2"]


def zipped(**parts: str | bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return made.getvalue()


def worded(body: str, **more: str) -> bytes:
    """The least that is a DOCX, around any body."""
    types = '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>'
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{relation}" Target="word/document.xml"/></Relationships>'
    )
    return zipped(**{"[Content_Types].xml": types, "_rels/.rels": relations, "word/document.xml": body, **more})


def test_a_docx_of_little_more_than_its_text_is_read() -> None:
    """As programs other than Word write it; what it tells its parser to hide isn't hidden."""
    body = f'<w:document xmlns:w="{NAMESPACE}"><w:body><w:p><w:r><w:t>told</w:t></w:r></w:p></w:body></w:document>'
    assert [item.text for item in read("life.docx", worded(body, **{"mammoth/style-map": "p => !"}))] == ["told"]


def test_footnotes_are_read_below_the_text() -> None:
    """With the number that they have in it."""
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/footnotes"
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="rId1" Type="{kind}" Target="footnotes.xml"/></Relationships>'
    )
    note = '<w:footnote w:id="1"><w:p><w:r><w:t>Her diary says 1940.</w:t></w:r></w:p></w:footnote>'
    body = '<w:p><w:r><w:t>Born in 1941</w:t></w:r><w:r><w:footnoteReference w:id="1"/></w:r></w:p>'
    data = worded(
        f'<w:document xmlns:w="{NAMESPACE}"><w:body>{body}</w:body></w:document>',
        **{
            "word/_rels/document.xml.rels": relations,
            "word/footnotes.xml": f'<w:footnotes xmlns:w="{NAMESPACE}">{note}</w:footnotes>',
        },
    )
    assert [item.text for item in read("life.docx", data)] == ["Born in 1941[1]", "1. Her diary says 1940."]


ENTITIES = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
LAUGHS = (
    f'<!DOCTYPE d [<!ENTITY a0 "ha">{ENTITIES}]><w:document xmlns:w="{NAMESPACE}"><w:body>&a11;</w:body></w:document>'
)
FILE = f'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><w:document xmlns:w="{NAMESPACE}"><w:body><w:p><w:r><w:t>&x;</w:t></w:r></w:p></w:body></w:document>'


@pytest.mark.parametrize(
    ("make", "said", "do"),
    [
        (lambda: worded(" " * 40_000_000), "unpacks to more than 32 MB", "split it"),
        (lambda: worded(LAUGHS), "damaged DOCX", "save it again"),
        (lambda: worded(FILE), "no text|damaged", ""),
        (lambda: worded("<w:document"), "damaged DOCX", "save it again"),
        (lambda: worded(f'<w:document xmlns:w="{NAMESPACE}"><w:body/></w:document>'), "has no text", "leave it out"),
        (lambda: zipped(a="b"), "is an archive", "unpack it"),
        (lambda: zipped(**{"_chat.txt": "told"}), "chat export still packed", "give the _chat.txt"),
        (lambda: zipped(**{"xl/workbook.xml": "", "[Content_Types].xml": ""}), "is an archive", "as .docx or .pdf"),
        (lambda: b"PK\x03\x04" + bytes(200), "damaged or cut-off", "copy it again"),
        (lambda: word(docx.Document())[:2_000], "damaged or cut-off", "copy it again"),
    ],
    ids=["bomb", "laughs", "file entity", "no XML", "empty", "zip", "chat", "sheet", "magic only", "cut off"],
)
def test_a_docx_that_cannot_be_read_is_refused_with_what_to_do(make: Callable[[], bytes], said: str, do: str) -> None:
    """Bombs before they are unpacked, other archives by what they hold; no file of this machine is read."""
    with pytest.raises(BadInput, match=f"'life.docx' .*({said})") as refused:
        read("life.docx", make())
    assert do in refused.value.next


PAGE = """<!DOCTYPE html><html><head><title>Our  mother</title><style>p{}</style></head><body>
<script>steal()</script><!-- hidden --><p style="display: none">secret</p><div hidden>secret</div>
<p>Dorothy &amp; Se&aacute;n_ *baked* &lt;bread&gt;.</p>
<h2>Songs</h2><ul><li>one<ul><li>of Cork</li></ul></li><li>two</li></ul>
<table><tr><th>year</th><th>street</th></tr><tr><td>1947</td><td>Hill</td></tr></table>
<p>See <a href="https://example.org/a">the album</a>, <a href="javascript:steal()">this</a>
and <a href="data:text/html,x">that</a>. <img src="https://evil.example/?q=" alt="A boat"> <b>Loud</b>.</p>
</body></html>"""


def test_a_page_is_what_a_reader_sees_of_it() -> None:
    """No scripts, comments, hidden parts, pictures or links that aren't addresses; lists and tables kept."""
    items = read("mother.html", PAGE.encode())
    assert [item.text for item in items] == [
        "Dorothy & Seán_ *baked* <bread>.",
        "## Songs\n\n- one\n  - of Cork\n- two",
        "| year | street |\n| --- | --- |\n| 1947 | Hill |",
        "See [the album](https://example.org/a), this\nand that. A boat **Loud**.",
    ]
    assert [item.title for item in items] == ["Our mother", "Songs", "Songs", "Songs"]
    assert [item.unit for item in items] == ["line"] * 4


def test_a_page_under_another_name_is_still_one() -> None:
    """Browsers save pages as anything."""
    assert read("mother.txt", PAGE.encode())[0].text == "Dorothy & Seán_ *baked* <bread>."


@pytest.mark.parametrize(
    "data",
    [
        "\ufeff<p>Seán</p>".encode(),
        "<p>Seán</p>".encode("utf-16"),
        '<meta charset="iso-8859-1"><p>Seán</p>'.encode("latin-1"),
        "<p>Seán".encode(),
    ],
)
def test_a_page_says_its_encoding(data: bytes) -> None:
    """By a mark, in its head, or it is UTF-8."""
    assert [item.text for item in read("a.html", data)] == ["Seán"]


@pytest.mark.parametrize(
    ("html", "said"),
    [
        (b"<script>x</script>", "has no text in it"),
        ("<p>Seán</p>".encode("latin-1"), r"\[encoding\]"),
        (b"<p>a\0b</p>", "is not text|no text"),
    ],
    ids=["scripts alone", "Latin-1 unsaid", "NUL"],
)
def test_a_page_that_cannot_be_read_is_refused(html: bytes, said: str) -> None:
    """In one sentence."""
    with pytest.raises(BadInput, match=f"'a.html' .*({said})"):
        read("a.html", html)


def test_nested_parts_of_a_usual_page_are_read() -> None:
    """Hundreds of levels, as editors write them."""
    assert [item.text for item in read("a.html", b"<div>" * 400 + b"told")] == ["told"]


@pytest.mark.parametrize("tags", [b"<div>", b"<ul><li>", b"<blockquote>", b"<table><tr><td>"])
def test_of_what_is_nested_without_end_the_text_is_read(tags: bytes) -> None:
    """In seconds, where lists within lists took the converter the square of their number."""
    began = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    items = read("a.html", (tags + b"a\n") * 3_000 + b"told")
    assert "told" in items[-1].text
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - began < 10


def test_the_same_content_is_parsed_once() -> None:
    """Plans are drawn again and again: no second process works for it, under whatever name."""
    data = pdf([["Life", BAKERY]])
    first = read("life.pdf", data)
    worked = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    assert [item.text for item in read("again.pdf", data)] == [item.text for item in first]
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime == worked


def test_large_libraries_stay_out_of_this_process() -> None:
    """They are slow to start and meet what is hostile."""
    before = set(sys.modules)
    read("a.html", PAGE.encode())
    read("life.pdf", pdf([["Life", BIRTH]]))
    assert not {"pypdf", "mammoth", "markdownify"} & (set(sys.modules) - before)
