"""The recordings that a cloned voice was made of."""

from __future__ import annotations

from starlette.responses import Response

from ..envelopes import not_found
from ..routing import Call, route
from ..schema import Body, Query
from ..state import Row, Snapshot
from . import voice_store

Plain = Call[Body, Query]


async def listen(call: Plain) -> Response:
    """GET /v1/voices/{id}/samples/{sample}/audio"""
    with call.reading() as rows:
        _, sample = _find(rows, call)
        data = rows.kept("sample", sample["sample_id"])
    return Response(data, media_type=sample["mime_type"])


async def delete(call: Plain) -> dict[str, str]:
    """DELETE /v1/voices/{id}/samples/{sample}. It counts as no edit, and the last one may go too: both are assumed."""
    with call.rows() as rows:
        voice, sample = _find(rows, call)
        voice["samples"].remove(sample)
        rows.erase("sample", sample["sample_id"])
        voice_store.save(rows, voice)
    return {"status": "ok"}


def _find(rows: Snapshot, call: Plain) -> tuple[Row, Row]:
    voice, wanted = voice_store.own(rows, call.id), call.request.path_params["sample"]
    for sample in voice["samples"]:
        if sample["sample_id"] == wanted:
            return voice, sample
    raise not_found("sample_not_found", f"A sample with sample_id '{wanted}' was not found.", "sample_id")


_PATH = "/v1/voices/{id}/samples/{sample}"
ROUTES = [
    route("GET", f"{_PATH}/audio", listen, scope="voices_read"),
    route("DELETE", _PATH, delete, scope="voices_write"),
]
