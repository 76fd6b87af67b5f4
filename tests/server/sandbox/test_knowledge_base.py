"""The knowledge base: documents from texts, files and pages, in folders, used by agents."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from elevenlabs.client import ElevenLabs
from elevenlabs.core.api_error import ApiError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from judged import build, served
from storykeeper_server.sandbox import app
from storykeeper_server.sandbox.app import Switches
from storykeeper_server.sandbox.clock import Clock
from storykeeper_server.sandbox.serving import serving
from storykeeper_server.sandbox.state import State

pytestmark = pytest.mark.anyio
BASE = "/v1/convai/knowledge-base"
AGENTS = "/v1/convai/agents"
WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
CONTAINER = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
BOOK = (
    '<?xml version="1.0"?><package><manifest><item id="b" href="two.xhtml"/><item href="one%20.xhtml" id="a"/>'
    '</manifest><spine><itemref idref="a"/><itemref idref="b"/></spine></package>'
)


def connect(**options: Any) -> httpx.AsyncClient:
    """A client of a fresh sandbox."""
    return direct(build(State(None), **options))


def direct(sandbox: Any) -> httpx.AsyncClient:
    """A client of that sandbox."""
    transport = httpx.ASGITransport(sandbox)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers={"xi-api-key": "sandbox"})


async def add(client: httpx.AsyncClient, text: str = "x", **more: Any) -> str:
    """A document given as text; answers its id."""
    return (await client.post(f"{BASE}/text", json={"text": text, **more})).json()["id"]


async def folder(client: httpx.AsyncClient, name: str, inside: str | None = None) -> str:
    """A folder; answers its id."""
    return (await client.post(f"{BASE}/folder", json={"name": name, "parent_folder_id": inside})).json()["id"]


async def upload(client: httpx.AsyncClient, name: str, data: bytes, kind: str | None = None) -> httpx.Response:
    """A document given as a file."""
    return await client.post(f"{BASE}/file", files={"file": (name, data, kind)})


async def agent(client: httpx.AsyncClient, *documents: tuple[str, str]) -> str:
    """An agent that uses documents of these types and ids; answers its id."""
    items = [{"type": kind, "name": "x", "id": id} for kind, id in documents]
    body = {"conversation_config": {"agent": {"prompt": {"knowledge_base": items}}}}
    return (await client.post(f"{AGENTS}/create", json=body)).json()["agent_id"]


async def names(client: httpx.AsyncClient, query: str) -> list[str]:
    """The names of the documents that a list shows."""
    return [document["name"] for document in (await client.get(f"{BASE}?{query}")).json()["documents"]]


def archive(parts: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file of parts."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return packed.getvalue()


def word(body: str, **more: str) -> bytes:
    """A Word file."""
    return archive({"word/document.xml": f"<w:document><w:body>{body}</w:body></w:document>", **more})


def epub(**more: str | bytes) -> bytes:
    """An EPUB of two chapters, listed in the wrong order."""
    chapters = {"OEBPS/one .xhtml": "<h1>One</h1><p>She sang.</p>", "OEBPS/two.xhtml": "<p>She danced.</p>"}
    return archive({"META-INF/container.xml": CONTAINER, "OEBPS/book.opf": BOOK, **chapters, **more})


def detail(answer: httpx.Response) -> tuple[int, str]:
    """A refusal's status and code."""
    return answer.status_code, answer.json()["detail"]["code"]


def test_the_official_client_makes_changes_and_deletes_every_kind_of_document() -> None:
    """Texts, files, pages and folders, each through the SDK."""
    with served(build(State(None))) as url, httpx.Client() as connections:
        official = ElevenLabs(api_key="sandbox", base_url=url, httpx_client=connections)
        base = official.conversational_ai.knowledge_base
        box = base.documents.create_folder(name="Letters")
        text = base.documents.create_from_text(text="Born in Cork.", name="Life", parent_folder_id=box.id)
        file = base.documents.create_from_file(file=("letter.txt", b"Dear Anna", "text/plain"), name="Letter")
        page = base.documents.create_from_url(url="https://example.com/dorothy", enable_auto_sync=True)
        legacy = official.conversational_ai.add_to_knowledge_base(name="Old", file=("old.txt", b"Old", "text/plain"))
        renamed = base.documents.update(text.id, name="Her life", content="Born in Cobh.")
        replaced = base.document.update_file(file.id, file=("new.txt", b"Dear all", "text/plain"))
        refreshed = base.document.refresh(page.id)
        source = connections.get(base.documents.get_source_file_url(file.id).signed_url)
        content = base.documents.get_content(text.id)
        found = base.search(query="cobh")
        summaries = base.documents.summaries.get(document_ids=[text.id, "nothing"])
        base.documents.move(file.id, move_to=box.id)
        base.documents.bulk_move(document_ids=[legacy.id], move_to=box.id)
        inside = base.list(parent_folder_id=box.id, sort_by="name", sort_direction="asc")
        shown = base.documents.get(box.id)
        deleted = base.documents.bulk_delete(document_ids=[text.id, "nothing"])
        base.documents.delete(box.id, force=True)
        left = base.list()

    assert [(item.id) for item in text.folder_path or []] == [box.id]
    assert (renamed.name, renamed.extracted_inner_html, content) == ("Her life", "Born in Cobh.", "Born in Cobh.")
    assert (replaced.name, replaced.filename, source.content) == ("new.txt", "new.txt", b"Dear all")
    assert (refreshed.url, page.name) == ("https://example.com/dorothy", "https://example.com/dorothy")
    assert [result.document.id for result in found.results] == [text.id]
    assert [summaries[id].status for id in (text.id, "nothing")] == ["success", "failure"]
    assert [document.name for document in inside.documents] == ["Her life", "Old", "new.txt"]
    assert (shown.type, shown.children_count, shown.document_count) == ("folder", 3, 3)
    assert [deleted[id].status for id in (text.id, "nothing")] == ["success", "failure"]
    assert [document.id for document in left.documents] == [page.id]


def test_the_official_client_finds_the_agents_that_use_a_document() -> None:
    """For one document, for several, and the size of what an agent knows."""
    with served(build(State(None))) as url, httpx.Client() as connections:
        official = ElevenLabs(api_key="sandbox", base_url=url, httpx_client=connections)
        base = official.conversational_ai.knowledge_base
        text = base.documents.create_from_text(text="x" * 4500, name="Life")
        item = {"type": "text", "name": "Life", "id": text.id}
        config: Any = {"agent": {"prompt": {"knowledge_base": [item]}}}
        made = official.conversational_ai.agents.create(conversation_config=config, name="Dot")
        users = base.documents.get_agents(text.id)
        bulk = base.documents.get_bulk_agents(document_ids=[text.id])
        size = official.conversational_ai.agents.knowledge_base.size(made.agent_id)
        with pytest.raises(ApiError) as refused:
            base.documents.delete(text.id)

    assert [(user.id, user.type) for user in users.agents] == [(made.agent_id, "available")]
    assert [(branch.agent_name, branch.is_main) for branch in bulk.branches or []] == [("Dot", True)]
    assert size.number_of_pages == 1.5
    assert (refused.value.status_code, refused.value.body["detail"]["code"]) == (400, "document_has_dependent_agents")


@pytest.mark.parametrize(
    ("name", "kind", "data", "text"),
    [
        ("a.txt", None, b"\xef\xbb\xbfBorn in Cork.", "Born in Cork."),
        ("a.txt", "application/octet-stream", "Fähre".encode("utf-16"), "Fähre"),
        ("letter", "text/plain; charset=utf-8", b"Dear Anna", "Dear Anna"),
        ("a.MD", "text/markdown", b"# Dot\n\n- tea", "# Dot\n\n- tea"),
        ("a.html", "text/html", b"<title>x</title><h2>A &amp; B</h2><p>one\n<b>two</b></p>", "## A & B\n\none two"),
        ("a.html", "text/html", b"<p>a</p><!-- <p>b --><script>if (a<b) {c}</script><style>p{}</style>d", "a\nd"),
        ("a.html", "text/html", b"<p>&#" + b"9" * 5000 + b";</p>", "&#" + "9" * 5000 + ";"),
        ("a.docx", WORD, word("<w:p><w:r><w:t>Born</w:t><w:t> in</w:t></w:r></w:p><w:p/><w:p><w:t>Cork</w:t></w:p>"), "Born in\n\nCork"),
        ("a.docx", WORD, word("<w:p><w:instrText>PAGE</w:instrText><w:t>A</w:t><w:tab/><w:t>B</w:t></w:p>"), "A\tB"),
        ("a.epub", "application/epub+zip", epub(), "# One\n\nShe sang.\n\nShe danced."),
        ("a.pdf", "application/pdf", b"%PDF-1.7 ...", "[Sandbox: the text of this PDF file was not extracted.]"),
    ],
)  # fmt: skip
async def test_files_become_text(name: str, kind: str | None, data: bytes, text: str) -> None:
    """What a document says is what a reader of its file would see."""
    async with connect(switches=Switches(knowledge_format="markdown")) as client:
        made = await upload(client, name, data, kind)
        document = (await client.get(f"{BASE}/{made.json()['id']}")).json()
        content = await client.get(f"{BASE}/{made.json()['id']}/content")

    assert document["extracted_inner_html"] == content.text == text
    assert (document["name"], document["filename"], document["metadata"]["size_bytes"]) == (name, name, len(data))


@pytest.mark.parametrize(
    ("name", "kind", "data", "code"),
    [
        ("run.exe", None, b"MZ", "invalid_file_type"),
        ("photo.txt", "image/png", b"x", "invalid_file_type"),
        ("file", "application/octet-stream", b"x", "invalid_file_type"),
        ("a.pdf", "application/pdf", b"no pdf", "invalid_file"),
        ("a.docx", WORD, b"PK\x03\x04 no zip", "invalid_file"),
        ("a.docx", WORD, archive({"other.xml": "x"}), "invalid_file"),
        ("a.docx", WORD, archive({"word/document.xml": b" " * (17 * 1024 * 1024)}), "invalid_file"),
        ("a.docx", WORD, word("", **{str(number): "" for number in range(10_000)}), "invalid_file"),
        ("a.docx", WORD, archive({"word/document.xml": "x"}, zipfile.ZIP_LZMA), "invalid_file"),
        ("a.epub", None, archive({"META-INF/container.xml": "<container/>"}), "invalid_file"),
        ("a.epub", None, epub(**{"OEBPS/book.opf": BOOK.replace('idref="b"', 'idref="c"')}), "invalid_file"),
    ],
)
async def test_files_that_can_not_be_read_are_refused(name: str, kind: str | None, data: bytes, code: str) -> None:
    """Foreign types, damaged files and those that unpack to something huge; nothing of them is kept."""
    async with connect() as client:
        answer = await upload(client, name, data, kind)
        left = await names(client, "")

    assert detail(answer) == (400, code)
    assert left == []


async def test_entities_of_xml_are_not_expanded() -> None:
    """Neither a bomb nor a file of this machine gets into a document."""
    bomb = '<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;"><!ENTITY f SYSTEM "file:///etc/hostname">]>'
    async with connect(switches=Switches(knowledge_format="markdown")) as client:
        made = await upload(client, "a.docx", archive({"word/document.xml": f"{bomb}<w:p><w:t>x&b;&f;</w:t></w:p>"}))
        content = await client.get(f"{BASE}/{made.json()['id']}/content")

    assert content.text == "x&b;&f;"


@pytest.mark.parametrize("piece", ["<", "<a ", "<!--", "<![", "</", "<p>", "<a b='", "&#", "<script>", "<title>"])
async def test_malformed_pages_take_no_longer_than_others(piece: str) -> None:
    """Two megabytes that would keep a parser with quadratic time busy for hours."""
    async with connect() as client:
        answer = await upload(client, "a.html", piece.encode() * (2_000_000 // len(piece)))
        after = await client.get(BASE)

    # All but text that isn't markup comes to nothing; what is left may be too much for the account.
    assert answer.status_code in (200, 400)
    assert after.status_code == 200


async def test_markdown_can_be_switched_off() -> None:
    """That the live service takes it is reported, not documented."""
    async with connect(switches=Switches(accept_markdown=False)) as client:
        markdown = await upload(client, "a.md", b"# Dot", "text/markdown")
        text = await upload(client, "a.txt", b"# Dot", "text/plain")

    assert detail(markdown) == (400, "invalid_file_type")
    assert text.status_code == 200


async def test_content_is_html_whose_markup_is_only_shown() -> None:
    """By default text is escaped, and a browser would not run it in either format."""
    async with connect() as client:
        id = await add(client, "<script>alert(1)</script> & more")
        content = await client.get(f"{BASE}/{id}/content")
        document = (await client.get(f"{BASE}/{id}")).json()

    assert content.headers["content-type"] == "text/html; charset=utf-8"
    assert content.headers["content-security-policy"] == "sandbox"
    assert content.text == document["extracted_inner_html"] == "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more"
    assert document["content_format"] == "html"


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_the_refusal_of_too_much_knowledge_can_be_switched(status: Any) -> None:
    """The limit is documented, its refusal isn't. A change counts in place of what it changes."""
    # Not judged: the official file has only lists of schema errors as a 422.
    sandbox = app.build(State(None), switches=Switches(max_knowledge_characters=10, knowledge_refusal=status))
    async with direct(sandbox) as client:
        id = await add(client, "12345678")
        more = await client.post(f"{BASE}/text", json={"text": "123"})
        longer = await client.patch(f"{BASE}/{id}", json={"content": "12345678901", "name": "Changed"})
        full = await client.patch(f"{BASE}/{id}", json={"content": "1234567890"})

    assert detail(more) == detail(longer) == (status, "knowledge_base_limit_exceeded")
    assert (full.status_code, full.json()["name"]) == (200, "Untitled")


async def test_a_link_to_a_file_ends() -> None:
    """It needs no key, and is good for a while or until the file is deleted."""
    clock = Clock(lambda: 1_800_000_000.0)
    async with connect(clock=clock) as client:
        id = (await upload(client, "a.txt", b"Dear Anna")).json()["id"]
        text = await client.get(f"{BASE}/{await add(client)}/source-file-url")
        link = (await client.get(f"{BASE}/{id}/source-file-url")).json()["signed_url"]
        del client.headers["xi-api-key"]
        fresh, forged = await client.get(link), await client.get(f"{link}x")
        clock.advance(15 * 60)
        old = await client.get(link)

    assert (fresh.content, fresh.headers["content-disposition"]) == (b"Dear Anna", "attachment")
    assert [text.status_code, forged.status_code, old.status_code] == [400, 403, 403]


async def test_documents_know_the_folders_that_hold_them() -> None:
    """The path leads from the root; the lists show ids, the document names too."""
    async with connect() as client:
        outer = await folder(client, "Outer")
        inner = await folder(client, "Inner", outer)
        id = await add(client, parent_folder_id=inner, name="Deep")
        read = (await client.get(f"{BASE}/{id}")).json()
        listed = (await client.get(f"{BASE}?types=text")).json()["documents"][0]
        above = (await client.get(f"{BASE}/{outer}")).json()

    assert read["folder_path"] == [{"id": outer, "name": "Outer"}, {"id": inner, "name": "Inner"}]
    assert listed["folder_path"] == [{"id": outer}, {"id": inner}]
    assert (read["folder_parent_id"], above["folder_parent_id"]) == (inner, None)
    assert (above["children_count"], above["document_count"]) == (1, 1)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("parent_folder_id={outer}", ["B text", "Inner"]),
        ("ancestor_folder_id={outer}", ["A deep", "B text", "Inner"]),
        ("ancestor_folder_id={outer}&types=text", ["A deep", "B text"]),
        ("parent_folder_id=nothing", []),
        ("", ["A deep", "B text", "Inner", "Outer"]),
        ("folders_first=true", ["Inner", "Outer", "A deep", "B text"]),
        ("folders_first=true&sort_direction=desc", ["Outer", "Inner", "B text", "A deep"]),
        ("sort_by=size&sort_direction=desc&types=text", ["B text", "A deep"]),
        ("created_by_user_id=somebody", []),
        ("created_by_user_id=@me&search=I", ["Inner"]),
    ],
)
async def test_a_list_can_be_filtered_and_sorted(query: str, expected: list[str]) -> None:
    """By folder at one level or any, by type, by owner, by the start of the name; folders may come first."""
    async with connect() as client:
        outer = await folder(client, "Outer")
        await add(client, "xx", parent_folder_id=await folder(client, "Inner", outer), name="A deep")
        await add(client, "x" * 1000, parent_folder_id=outer, name="B text")
        found = await names(client, f"sort_by=name&sort_direction=asc&{query.format(outer=outer)}")

    assert found == expected


@pytest.mark.parametrize("order", ["created_at", "updated_at", "size", "name"])
async def test_pages_with_folders_first_show_everything_once(order: str) -> None:
    """Following the cursors, in both directions."""
    async with connect() as client:
        made = {await add(client, "x" * number) for number in range(3)} | {await folder(client, "f") for _ in range(3)}
        for direction in ("asc", "desc"):
            query = {"page_size": 2, "folders_first": True, "sort_by": order, "sort_direction": direction}
            seen: list[dict[str, Any]] = []
            while True:
                page = (await client.get(BASE, params=query)).json()
                seen += page["documents"]
                if not page["has_more"]:
                    break
                query["cursor"] = page["next_cursor"]
            assert [item["type"] for item in seen] == ["folder"] * 3 + ["text"] * 3
            assert {item["id"] for item in seen} == made


async def test_what_is_moved_is_found_in_its_new_place() -> None:
    """Into a folder and back to the root; a folder never into itself."""
    async with connect() as client:
        outer = await folder(client, "Outer")
        inner, text = await folder(client, "Inner", outer), await add(client, name="Text")
        moved = await client.post(f"{BASE}/{text}/move", json={"move_to": inner})
        deep = await names(client, f"parent_folder_id={inner}")
        circle = await client.post(f"{BASE}/{outer}/move", json={"move_to": inner})
        itself = await client.post(f"{BASE}/{outer}/move", json={"move_to": outer})
        nowhere = await client.post(f"{BASE}/{text}/move", json={"move_to": "nothing"})
        no_folder = await client.post(f"{BASE}/{inner}/move", json={"move_to": text})
        rooted = await client.post(f"{BASE}/{text}/move")
        left = await names(client, f"parent_folder_id={inner}")

    assert (moved.status_code, rooted.status_code, deep, left) == (200, 200, ["Text"], [])
    assert detail(circle) == detail(itself) == (400, "invalid_move")
    assert detail(nowhere) == (404, "knowledge_base_documentation_not_found")
    assert detail(no_folder) == (400, "not_a_folder")


async def test_several_move_together_or_not_at_all() -> None:
    """One that isn't there keeps all where they are."""
    async with connect() as client:
        box, one, two = await folder(client, "Box"), await add(client, name="One"), await add(client, name="Two")
        broken = await client.post(f"{BASE}/bulk-move", json={"document_ids": [one, "nothing"], "move_to": box})
        before = await names(client, f"parent_folder_id={box}")
        await client.post(f"{BASE}/bulk-move", json={"document_ids": [one, two, one], "move_to": box})
        after = await names(client, f"parent_folder_id={box}")

    assert (broken.status_code, before) == (404, [])
    assert sorted(after) == ["One", "Two"]


@pytest.mark.parametrize("path", ["bulk-move", "bulk-delete", "dependent-agents"])
@pytest.mark.parametrize("ids", [[], [str(number) for number in range(21)]])
async def test_operations_on_several_take_one_to_twenty(path: str, ids: list[str]) -> None:
    """Otherwise it is a schema error."""
    async with connect() as client:
        answer = await client.post(f"{BASE}/{path}", json={"document_ids": ids})

    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "document_ids"]


async def test_an_agent_that_loses_a_document_gets_a_new_version() -> None:
    """As by any other change; the version before still names it."""
    clock = Clock(lambda: 1000.0)
    async with connect(clock=clock) as client:
        document = await add(client)
        user, other = await agent(client, ("text", document)), await agent(client)
        before = [(await client.get(f"{AGENTS}/{id}")).json() for id in (user, other)]
        clock.advance(60)
        await client.delete(f"{BASE}/{document}?force=true")
        after = [(await client.get(f"{AGENTS}/{id}")).json() for id in (user, other)]
        old = (await client.get(f"{AGENTS}/{user}", params={"version_id": before[0]["version_id"]})).json()

    prompts = [seen["conversation_config"]["agent"]["prompt"]["knowledge_base"] for seen in (after[0], old)]
    assert [len(knowledge) for knowledge in prompts] == [0, 1]
    assert after[0]["version_id"] != before[0]["version_id"]
    assert after[0]["metadata"]["updated_at_unix_secs"] == 1060
    assert after[1] == before[1]


async def test_a_folder_with_something_in_it_is_only_deleted_by_force() -> None:
    """Then all that is in it goes too, out of the agents and out of the store."""
    async with connect() as client:
        outer = await folder(client, "Outer")
        text = await add(client, parent_folder_id=await folder(client, "Inner", outer))
        user = await agent(client, ("text", text), ("folder", outer))
        refused = await client.delete(f"{BASE}/{outer}")
        forced = await client.delete(f"{BASE}/{outer}?force=true")
        left = await names(client, "")
        gone = await client.get(f"{BASE}/{text}/content")
        config = (await client.get(f"{AGENTS}/{user}")).json()["conversation_config"]

    assert detail(refused) == (400, "folder_not_empty")
    assert (forced.status_code, left, gone.status_code) == (200, [], 404)
    assert config["agent"]["prompt"]["knowledge_base"] == []


async def test_a_deleted_document_leaves_nothing_behind() -> None:
    """Neither its text nor its file, of which a link was given out."""
    state = State(None)
    async with direct(build(state)) as client:
        id = (await upload(client, "a.txt", b"Dear Anna")).json()["id"]
        link = (await client.get(f"{BASE}/{id}/source-file-url")).json()["signed_url"]
        workspace = state.owner("document", id) or ""
        with state.rows(workspace) as rows:
            before = rows.get("content", id), rows.kept("document file", id)
        await client.delete(f"{BASE}/{id}")
        with state.rows(workspace) as rows:
            after = rows.get("content", id), rows.kept("document file", id)
        dead = await client.get(link)

    assert before == ({"text": "Dear Anna"}, b"Dear Anna")
    assert after == (None, None)
    assert dead.status_code == 404


async def test_several_are_deleted_each_by_itself() -> None:
    """What is in use stays without force; a folder and what is in it may be named together."""
    async with connect() as client:
        box, used, outside = await folder(client, "Box"), await add(client), await add(client)
        inside = await add(client, parent_folder_id=box)
        await agent(client, ("text", used))
        ids = [box, inside, used, outside, "nothing"]
        answers = (await client.post(f"{BASE}/bulk-delete", json={"document_ids": ids})).json()
        left = (await client.get(BASE)).json()["documents"]

    assert {id: answers[id]["status"] == "success" for id in ids} == {
        box: True, inside: True, used: False, outside: True, "nothing": False,
    }  # fmt: skip
    assert answers[used]["error_code"] == 400
    assert answers[used]["error_status"] == "document_has_dependent_agents"
    assert answers["nothing"]["error_code"] == 404
    assert [document["id"] for document in left] == [used]


async def test_agents_depend_directly_or_by_a_folder() -> None:
    """By a folder, the answer says by which."""
    async with connect() as client:
        box = await folder(client, "Box")
        text = await add(client, parent_folder_id=box)
        one, two = await agent(client, ("text", text)), await agent(client, ("folder", box))
        queries = ("direct", "transitive", "all")
        path = f"{BASE}/{text}/dependent-agents?dependent_type="
        found = [(await client.get(path + query)).json()["agents"] for query in queries]
        both = await client.post(f"{BASE}/dependent-agents?page_size=1", json={"document_ids": [text, box]})
        unknown = await client.get(f"{BASE}/nothing/dependent-agents")
        guarded = await client.delete(f"{BASE}/{text}")

    assert [{user["id"]: user["referenced_resource_ids"] for user in users} for users in found] == [
        {one: []}, {two: [box]}, {one: [], two: [box]},
    ]  # fmt: skip
    assert (len(both.json()["agents"]), both.json()["has_more"]) == (1, True)
    assert (unknown.status_code, guarded.status_code) == (404, 400)


async def test_a_document_is_taken_out_of_languages_and_workflows_too() -> None:
    """An agent may refer to documents in more places than one, and workflows hold whatever was sent."""
    # Not judged: workflows are kept as sent, so that this one's oddities are shown again.
    async with direct(app.build(State(None))) as client:
        text = await add(client)
        item = {"type": "text", "name": "x", "id": text}
        overrides = {"agent": {"prompt": {"knowledge_base": [item]}}}
        node = {"type": "override_agent", "label": "n", "additional_knowledge_base": [item, "odd", {}, {"id": []}]}
        body = {
            "conversation_config": {"language_presets": {"de": {"overrides": overrides}}},
            "workflow": {"nodes": {"start_node": {"type": "start"}, "n": node}},
        }
        made = await client.post(f"{AGENTS}/create", json=body)
        users = (await client.get(f"{BASE}/{text}/dependent-agents")).json()["agents"]
        await client.delete(f"{BASE}/{text}?force=true")
        read = (await client.get(f"{AGENTS}/{made.json()['agent_id']}")).text

    assert [user["id"] for user in users] == [made.json()["agent_id"]]
    assert text not in read


@pytest.mark.parametrize(
    ("change", "kind", "code"),
    [
        ({"content": "new"}, "folder", "unsupported_document_type"),
        ({"content": "new"}, "synced page", "unsupported_document_type"),
        ({"content": "new"}, "page", None),
        ({"content": "new"}, "file", None),
        ({"content": "new", "enable_auto_sync": False}, "synced page", None),
        ({"enable_auto_sync": True}, "text", "auto_sync_not_supported"),
        ({"enable_auto_sync": True}, "page", None),
        ({"name": "New"}, "folder", None),
        ({}, "text", None),
        ({"name": None, "content": None}, "text", None),
    ],
)
async def test_what_can_be_changed_depends_on_the_kind(change: dict[str, Any], kind: str, code: str | None) -> None:
    """Content belongs to texts, files and pages that aren't synchronised; schedules to pages and folders."""
    async with connect() as client:
        page = {"url": "https://example.com"}
        made = {
            "text": lambda: client.post(f"{BASE}/text", json={"text": "x"}),
            "file": lambda: upload(client, "a.txt", b"x"),
            "folder": lambda: client.post(f"{BASE}/folder", json={"name": "x"}),
            "page": lambda: client.post(f"{BASE}/url", json=page),
            "synced page": lambda: client.post(f"{BASE}/url", json={**page, "enable_auto_sync": True}),
        }
        id = (await made[kind]()).json()["id"]
        before = (await client.get(f"{BASE}/{id}")).json()
        answer = await client.patch(f"{BASE}/{id}", json=change)
        after = (await client.get(f"{BASE}/{id}")).json()

    if code:
        assert detail(answer) == (400, code)
        assert after == before
    else:
        assert answer.json() == after
        assert after["name"] == (change.get("name") or before["name"])
        assert after.get("extracted_inner_html") == (change.get("content") or before.get("extracted_inner_html"))


@pytest.mark.parametrize(
    ("more", "days"),
    [({}, [3, 3, 3]), ({"tighten_only": True}, [2, 3, 3]), ({"enable_auto_sync": False}, [None, None, None])],
)
async def test_a_folder_s_schedule_reaches_what_is_in_it(more: dict[str, Any], days: list[int | None]) -> None:
    """Exactly the folder's, or only as strict as that. A new page takes the folder's pace if that is stricter."""
    async with connect() as client:
        body = {"name": "Box", "enable_auto_sync": True, "minimum_frequency_days": 3}
        box = (await client.post(f"{BASE}/folder", json=body)).json()["id"]
        page = {"url": "https://example.com", "enable_auto_sync": True, "parent_folder_id": box}
        ids = [
            (await client.post(f"{BASE}/url", json={**page, **own})).json()["id"]
            for own in ({"minimum_frequency_days": 2}, {"minimum_frequency_days": 9}, {})
        ]
        first = (await client.get(f"{BASE}/{ids[2]}")).json()["auto_sync_info"]
        change = {"minimum_frequency_days": 3, **more}
        answer = await client.patch(f"{BASE}/{box}", json=change)
        synced = [(await client.get(f"{BASE}/{id}")).json()["auto_sync_info"] for id in ids]

    assert answer.status_code == 200
    assert first["minimum_frequency_days"] == 3
    assert [info and info["minimum_frequency_days"] for info in synced] == days


def site() -> Starlette:
    """A few pages on this machine."""

    async def home(request: Request) -> Response:
        return HTMLResponse("<title>Her &amp; us</title><body><h1>Dorothy</h1><p>Born in Cork.</p>")

    async def hop(request: Request) -> Response:
        return RedirectResponse(request.query_params["to"])

    async def circle(request: Request) -> Response:
        return RedirectResponse("/circle")

    async def large(request: Request) -> Response:
        return PlainTextResponse("x" * 6_000_000)

    async def picture(request: Request) -> Response:
        return Response(b"\x89PNG", media_type="image/png")

    async def admin(request: Request) -> Response:
        return PlainTextResponse("reset")

    pages = {"/": home, "/hop": hop, "/circle": circle, "/large": large, "/picture": picture, "/_sandbox/reset": admin}
    pages["/prefix/_sandbox/reset"] = admin
    return Starlette(routes=[Route(path, page) for path, page in pages.items()])


@pytest.mark.parametrize("path", ["/", "/hop?to=/"])
async def test_pages_of_this_machine_are_fetched(path: str) -> None:
    """Their text becomes the document's, their title its name unless it has one."""
    async with serving(site()) as url, connect() as client:
        made = (await client.post(f"{BASE}/url", json={"url": url + path})).json()
        named = (await client.post(f"{BASE}/url", json={"url": url + path, "name": "Ours"})).json()
        document = (await client.get(f"{BASE}/{made['id']}")).json()

    assert (made["name"], named["name"], document["url"]) == ("Her & us", "Ours", url + path)
    assert document["extracted_inner_html"] == "# Dorothy\n\nBorn in Cork."


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/nothing", "url_fetch_failed"),
        ("/large", "url_fetch_failed"),
        ("/picture", "url_fetch_failed"),
        ("/_sandbox/reset", "url_fetch_failed"),
        ("/%5fsandbox/reset", "url_fetch_failed"),
        ("/x/../_sandbox/reset", "url_fetch_failed"),
        ("/prefix/_sandbox/reset", "url_fetch_failed"),
        ("/hop?to=/_sandbox/reset", "url_fetch_failed"),
        ("/circle", "url_fetch_failed"),
        ("/hop?to=ftp://127.0.0.1/", "invalid_url"),
    ],
)
async def test_pages_that_can_not_be_had_make_no_document(path: str, code: str) -> None:
    """Missing, too large, no text, the sandbox's own controls, and circles."""
    async with serving(site()) as url, connect() as client:
        answer = await client.post(f"{BASE}/url", json={"url": url + path})
        left = await names(client, "")

    assert detail(answer) == (400, code)
    assert left == []


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "dorothy",
        "http://",
        "http://[::1",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:-1/",
        "\x00",
    ],
)
async def test_only_addresses_of_the_web_are_taken(url: str) -> None:
    """Anything else is refused before anything is contacted."""
    async with connect() as client:
        answer = await client.post(f"{BASE}/url", json={"url": url})

    assert detail(answer) == (400, "invalid_url")


async def test_a_page_where_nobody_listens_is_refused() -> None:
    """As is what is no HTTP."""
    async with serving(site()) as url:
        pass
    async with connect() as client:
        answer = await client.post(f"{BASE}/url", json={"url": url})

    assert detail(answer) == (400, "url_fetch_failed")


@pytest.mark.parametrize("url", ["https://example.com/d", "http://10.0.0.1/", "http://127.0.0.1.example.com/", "{hop}"])
async def test_other_hosts_are_never_contacted(url: str) -> None:
    """The document says so, and isn't taken for the page; not even a redirect leads outside."""
    async with serving(site()) as here, connect() as client:
        target = url.format(hop=f"{here}/hop?to=http://192.0.2.1/")
        made = await client.post(f"{BASE}/url", json={"url": target})
        document = (await client.get(f"{BASE}/{made.json()['id']}")).json()
        size = (
            await client.get(f"/v1/convai/agent/{await agent(client, ('url', document['id']))}/knowledge-base/size")
        ).json()

    assert document["extracted_inner_html"].startswith("[Sandbox: http")
    assert "was not fetched" in document["extracted_inner_html"]
    assert size == {"number_of_pages": 0}


@pytest.mark.parametrize(
    ("origin", "fetched"),
    [
        ("http://localhost:3000", True),
        ("https://127.0.0.1", True),
        ("https://elsewhere.example", False),
        ("http://localhost.elsewhere.example", False),
        ("null", False),
        ("", False),
    ],
)
async def test_pages_of_this_machine_are_not_fetched_for_web_pages_of_others(*, origin: str, fetched: bool) -> None:
    """Else any of them could read what only this machine can; neither when a page is added nor when it is refreshed."""
    async with serving(site()) as here, connect() as client:
        client.headers["origin"] = origin
        made = (await client.post(f"{BASE}/url", json={"url": f"{here}/"})).json()["id"]
        added = (await client.get(f"{BASE}/{made}")).json()["extracted_inner_html"]
        await client.post(f"{BASE}/{made}/refresh")
        refreshed = (await client.get(f"{BASE}/{made}")).json()["extracted_inner_html"]

    assert [not text.startswith("[Sandbox: http") for text in (added, refreshed)] == [fetched, fetched]


async def test_the_old_way_needs_a_file_or_a_page() -> None:
    """With a page it works like the new way."""
    async with connect() as client:
        neither = await client.post(BASE, data={"name": "x"})
        page = await client.post(BASE, data={"url": "https://example.com"}, files={"other": b"x"})

    assert detail(neither) == (400, "missing_source")
    assert page.json()["name"] == "https://example.com"


async def test_a_search_shows_where_the_words_are() -> None:
    """The best match first, in any case, in pages, without what the words don't hit."""
    async with connect() as client:
        await add(client, "Born in Cork in 1938. " * 9, name="Life")
        await add(client, "A cork screw.", name="Kitchen")
        await add(client, "Nothing.", name="Born")
        first = (await client.get(f"{BASE}/search", params={"query": "cork BORN (", "page_size": 2})).json()
        second = (
            await client.get(
                f"{BASE}/search",
                params={"query": "cork BORN (", "page_size": 2, "cursor": first["next_cursor"]},
            )
        ).json()
        none = (await client.get(f"{BASE}/search", params={"query": "Dublin", "types": "text"})).json()

    names = [result["document"]["name"] for result in [*first["results"], *second["results"]]]
    snippet = first["results"][0]["search_snippet"]
    assert (names[0], sorted(names[1:]), second["next_cursor"]) == ("Life", ["Born", "Kitchen"], None)
    assert [part["value"] for part in snippet if part["is_hit"]][:2] == ["Born", "Cork"]
    assert "".join(part["value"] for part in snippet) in "Born in Cork in 1938. " * 9
    assert none["results"] == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("GET", "/content", None),
        ("GET", "/source-file-url", None),
        ("GET", "/dependent-agents", None),
        ("GET", "/chunk/x", None),
        ("GET", "/chunks?embedding_model=e5_mistral_7b_instruct", None),
        ("GET", "/rag-index", None),
        ("POST", "/rag-index", {"model": "e5_mistral_7b_instruct"}),
        ("DELETE", "/rag-index/x", None),
        ("PATCH", "", {"name": "x"}),
        ("POST", "/move", {}),
        ("POST", "/refresh", None),
        ("DELETE", "", None),
    ],
)
async def test_a_document_that_is_not_there_is_a_404(method: str, path: str, body: object) -> None:
    """Whatever is to be done with it."""
    async with connect() as client:
        answer = await client.request(method, f"{BASE}/nothing{path}", json=body)

    assert detail(answer) == (404, "knowledge_base_documentation_not_found")
