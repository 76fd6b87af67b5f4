"""What is no request, or no proper one, as bytes, and what the specification wants to hear about it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from wire import Era, request

PARSE, INVALID, UNKNOWN_METHOD, PARAMS = -32700, -32600, -32601, -32602
SECRET = "hunter2hunter2"  # nothing that is sent is said again


@dataclass(frozen=True)
class Garbled:
    """`code` is that of the answer, under `number`; None where there is none. `half` is a parse error, or bad_input where
    half a character may be read. The newer era wants `method` and `name` in headers, too."""

    what: str
    data: bytes
    code: int | str | None
    number: Any = None
    method: str = "tools/call"
    name: str = ""


def rows(era: Era) -> list[Garbled]:
    """Everything that a broken or a hostile client may send in an era."""
    return [*_no_json(era), *_no_message(era), *_no_names(era), *_odd_values(era), *_odd_arguments(era)]


def call(era: Era, arguments: Any, name: str = "get_agent", number: Any = 7) -> bytes:
    """A call as bytes; what can't be written as JSON is put into them afterwards."""
    return json.dumps(request(era, number, "tools/call", {"name": name, "arguments": arguments})).encode()


def _raw(era: Era, value: str, name: str = "get_agent", argument: str = "agent_id", number: Any = 7) -> bytes:
    """A call with an argument that Python wouldn't write, and good ones beside it."""
    beside = {"provision_companion": {"plan_id": "plan_1"}, "clone_voice": {"name": "A", "recordings": ["a"]}}
    written = call(era, {**beside.get(name, {}), argument: "HERE"}, name, number)
    return written.replace(b'"HERE"', value.encode("utf-8", "surrogatepass"))


def _no_json(era: Era) -> list[Garbled]:
    deep = "[" * 5000 + "]" * 5000
    return [
        Garbled("words", SECRET.encode(), PARSE),
        Garbled("half a message", call(era, {"agent_id": SECRET})[:-9], PARSE),
        Garbled("a raw control character", _raw(era, f'"{SECRET}\x00"'), PARSE),
        Garbled("nested deeply", _raw(era, deep), PARSE),
        Garbled("nested beyond all reason", _raw(era, deep * 20), PARSE),
        Garbled("an integer of 5,000 digits", _raw(era, "9" * 5000), PARSE),
        Garbled("Python's words for nothing", _raw(era, "None"), PARSE),
        Garbled("a trailing comma", b'{"jsonrpc":"2.0","id":7,"method":"ping",}', PARSE),
        Garbled("two messages on a line", call(era, {}) * 2, PARSE),
    ]


def _no_message(era: Era) -> list[Garbled]:
    version = call(era, {}, "list_companions", 8)
    return [
        Garbled("null", b"null", INVALID),
        Garbled("a number", b"42", INVALID),
        Garbled("a text", f'"{SECRET}"'.encode(), INVALID),
        Garbled("a batch", b"[" + call(era, {}, "list_companions") + b"]", INVALID),
        Garbled("an empty batch", b"[]", INVALID),
        Garbled("an empty object", b"{}", INVALID),
        Garbled("another version of JSON-RPC", version.replace(b'"2.0"', b'"1.0"'), INVALID, 8),
        Garbled("no version of JSON-RPC", b'{"id":9,"method":"tools/list"}', INVALID, 9),
        Garbled("parameters by position", f'{{"jsonrpc":"2.0","id":9,"method":"tools/call","params":["{SECRET}"]}}'.encode(), INVALID, 9),
        Garbled("an answer to nothing", b'{"jsonrpc":"2.0","id":99,"result":{}}', None),
        Garbled("an error about nothing", b'{"jsonrpc":"2.0","id":99,"error":{"code":1,"message":"x"}}', None),
        Garbled("an answer that is none", b'{"jsonrpc":"2.0","id":99,"result":"x"}', None),
        Garbled("a call that wants no answer", call(era, {}, "list_agents").replace(b'"id": 7, ', b""), None),
        Garbled("a cancellation of nothing", b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":12345}}', None, method="notifications/cancelled"),
        Garbled("a cancellation that is none", b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{"a":1}}}', None, method="notifications/cancelled"),
    ]  # fmt: skip


def _asked(era: Era, method: str, **params: Any) -> bytes:
    return json.dumps(request(era, 9, method, params)).encode()


def _no_names(era: Era) -> list[Garbled]:
    return [
        Garbled("an unknown method", _asked(era, f"{SECRET}/x"), UNKNOWN_METHOD, 9, f"{SECRET}/x"),
        Garbled("an unknown tool", call(era, {}, SECRET), PARAMS, 7, name=SECRET),
        Garbled("no tool", _asked(era, "tools/call", arguments={"x": SECRET}), PARAMS, 9),
        Garbled("a tool by number", _asked(era, "tools/call", name=12345, arguments={}), PARAMS, 9, name="12345"),
        Garbled("tools in a list", _asked(era, "tools/call", name=[SECRET], arguments={}), PARAMS, 9),
        Garbled("an unknown prompt", _asked(era, "prompts/get", name=SECRET), PARAMS, 9, "prompts/get", SECRET),
        Garbled("an unknown argument of a prompt", _asked(era, "prompts/get", name="interview", arguments={SECRET: "x"}), PARAMS, 9, "prompts/get", "interview"),
        Garbled("a prompt's argument of another type", _asked(era, "prompts/get", name="interview", arguments={"name": [SECRET]}), PARAMS, 9, "prompts/get", "interview"),
        Garbled("an unknown resource", _asked(era, "resources/read", uri="storykeeper://nothing"), PARAMS, 9, "resources/read", "storykeeper://nothing"),
        Garbled("a file as a resource", _asked(era, "resources/read", uri="file:///etc/passwd"), PARAMS, 9, "resources/read", "file:///etc/passwd"),
        Garbled("a resource above the others", _asked(era, "resources/read", uri="storykeeper://embed/../../../etc/passwd"), PARAMS, 9, "resources/read", "storykeeper://embed/../../../etc/passwd"),
    ]  # fmt: skip


def _odd_values(era: Era) -> list[Garbled]:
    provision, clone = "provision_companion", "clone_voice"
    numbers = ("NaN", "Infinity", "-Infinity", "1e999", "9" * 300, "true", '"2"', "-1", "[]")
    return [
        *(
            Garbled(f"{value[:10]} for a number", _raw(era, value, provision, "wait_seconds"), "bad_input", 7, name=provision)
            for value in numbers
        ),
        *(
            Garbled(f"{value} for yes or no", _raw(era, value, clone, "remove_background_noise"), "bad_input", 7, name=clone)
            for value in ("1", '"yes"', '"true"')
        ),
        *(
            Garbled(f"{value} for a text", _raw(era, value), "bad_input", 7, name="get_agent")
            for value in (f'["{SECRET}"]', "12345678", "{}", "true", "null", "[" * 150 + "]" * 150)
        ),
        Garbled("numbers in quotes inside a spec", call(era, {"spec": {"subject": {"name": "A"}, "recordings": ["a"], "voice": {"speed": "1"}}}, "plan_companion"), "bad_input", 7, name="plan_companion"),
        Garbled("half a character", _raw(era, '"\\ud800"'), "half", 7, name="get_agent"),
        Garbled("half a character in a name", call(era, {"\ud800": "x"}), "half", 7, name="get_agent"),
        Garbled("a line separator", _raw(era, '"a\u2028b"'), "bad_input", 7, name="get_agent"),
        Garbled("the same argument twice", call(era, {"agent_id": "HERE"}).replace(b'"agent_id": "HERE"', b'"agent_id": "agent_1", "agent_id": "../2"'), "bad_input", 7, name="get_agent"),
        Garbled("3 MB", call(era, {"agent_id": "a" * 3_000_000}), "bad_input", 7, name="get_agent"),
    ]  # fmt: skip


def _odd_arguments(era: Era) -> list[Garbled]:
    spec = {"subjct": {"name": SECRET}, "subject": {"nam": "x"}, "recordings": ["x"]}
    return [
        Garbled("arguments in a list", call(era, [SECRET]), PARAMS, 7, name="get_agent"),
        Garbled("arguments as a text", call(era, SECRET), PARAMS, 7, name="get_agent"),
        Garbled("an unknown argument", call(era, {"dry_runn": True}, "check_quota"), "unknown_argument", 7, name="check_quota"),
        Garbled("misspelt arguments inside a spec", call(era, {"spec": spec}, "plan_companion"), "unknown_argument", 7, name="plan_companion"),
        Garbled("an argument whose name is no name", call(era, {f"{SECRET} \x1b[31m": 1}), "unknown_argument", 7, name="get_agent"),
    ]  # fmt: skip
