"""Which of the served operations do less than the service's, and what it is that they don't do."""

from __future__ import annotations

from collections.abc import Iterator

_BASE, _AGENTS = "/v1/convai/knowledge-base", "/v1/convai/agents"
_SPEECH = "/v1/text-to-speech/{voice_id}"

_REASONS = {
    "no voice is cloned: the recordings are decoded, measured and kept": ["POST /v1/voices/add"],
    "recordings are kept, and change nothing in how the voice sounds": ["POST /v1/voices/{voice_id}/edit"],
    "filters on what only shared or professional voices have leave nothing over": ["GET /v2/voices"],
    "spoken by eSpeak NG, or by beeps: every voice sounds the same; seeds, dictionaries and texts before and after "
    "change nothing": [f"POST {_SPEECH}", f"POST {_SPEECH}/stream"],
    "as without times; the times are spread evenly over the speech": [
        f"POST {_SPEECH}/with-timestamps",
        f"POST {_SPEECH}/stream/with-timestamps",
    ],
    "a fixed list": ["GET /v1/models", "GET /v1/convai/llm/list"],
    "PDF files are kept, but not read": [
        f"POST {_BASE}/file",
        f"PATCH {_BASE}/{{documentation_id}}/update-file",
    ],
    "only pages of this machine are fetched": [f"POST {_BASE}/url", f"POST {_BASE}/{{documentation_id}}/refresh"],
    "PDF files aren't read, and only pages of this machine are fetched": [f"POST {_BASE}"],
    "an index is a matter of time: nothing is embedded": [
        f"POST {_BASE}/rag-index",
        f"POST {_BASE}/{{documentation_id}}/rag-index",
    ],
    "words are found, not meanings": [f"GET {_BASE}/search"],
    "workflows, procedures, phone transfers, inline tools and integrations are kept as sent, and do nothing": [
        f"POST {_AGENTS}/create",
        f"PATCH {_AGENTS}/{{agent_id}}",
    ],
    "the simulated user says given lines, the agent searches its documents, and no language model judges": [
        f"POST {_AGENTS}/{{agent_id}}/simulate-conversation",
        f"POST {_AGENTS}/{{agent_id}}/simulate-conversation/stream",
    ],
    "the token is shaped like the service's, but there is no WebRTC server to take it": [
        "GET /v1/convai/conversation/token"
    ],
    "filters on what no conversation has here, such as phone calls, leave nothing over": [
        "GET /v1/convai/conversations"
    ],
    "no language model analyses; no OpenTelemetry": ["GET /v1/convai/conversations/{conversation_id}"],
    "only addresses of this machine are called back": ["POST /v1/workspace/webhooks"],
    "only the post-call webhook does something": ["PATCH /v1/convai/settings"],
}


def _partly() -> Iterator[tuple[str, str]]:
    for reason, operations in _REASONS.items():
        for operation in operations:
            yield operation, reason


PARTLY = dict(_partly())
