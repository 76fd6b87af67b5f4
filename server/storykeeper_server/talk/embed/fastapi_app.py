"""A site in FastAPI with a companion: the session route, and beside it the pages in public/.

    pip install storykeeper fastapi uvicorn
    ELEVENLABS_API_KEY=... INVITATION=... SITE=https://family.example uvicorn fastapi_app:app

The key stays here. Try it without one: STORYKEEPER_SANDBOX=1.
"""

import os
import secrets

from fastapi import Cookie, FastAPI, HTTPException, Response
from fastapi.staticfiles import StaticFiles

from storykeeper_server.embedding import desk
from storykeeper_server.talk.for_fastapi import sessions

SITE = os.environ.get("SITE", "http://127.0.0.1:8000")
app = FastAPI()
visitors = set()


def visitor(visit: str = Cookie("")):
    """Who is signed in to this site; None lets nobody talk. Put your own sign-in here."""
    return visit if visit in visitors else None


@app.post("/invitation/{code}")
def invitation(code: str, response: Response):
    """A sign-in that is just enough to begin with: a word that you give to those whom you invite."""
    if not os.environ.get("INVITATION") or not secrets.compare_digest(code.encode(), os.environ["INVITATION"].encode()):
        raise HTTPException(403)
    visitors.add(visit := secrets.token_urlsafe())
    response.set_cookie("visit", visit, httponly=True, samesite="strict", secure=SITE.startswith("https:"))
    return {"welcome": True}


app.include_router(sessions(desk, visitor, origins=[SITE], companions=["COMPANION_ID"]), prefix="/talk")
app.mount("/", StaticFiles(directory="public", html=True))
