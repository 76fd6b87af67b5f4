"""A site in Flask with a companion: the session route, and beside it the pages in public/.

    pip install storykeeper flask
    ELEVENLABS_API_KEY=... SECRET_KEY=... INVITATION=... SITE=https://family.example flask --app flask_app run

The key stays here. Try it without one: STORYKEEPER_SANDBOX=1.
"""

import os
import secrets

from flask import Flask, session

from storykeeper_server.embedding import desk
from storykeeper_server.talk.for_flask import sessions

SITE = os.environ.get("SITE", "http://127.0.0.1:5000")
app = Flask(__name__, static_folder="public", static_url_path="")
app.secret_key = os.environ["SECRET_KEY"]
app.config.update(SESSION_COOKIE_SAMESITE="Strict", SESSION_COOKIE_SECURE=SITE.startswith("https:"))


def visitor():
    """Who is signed in to this site; None lets nobody talk. Put your own sign-in here."""
    return session.get("visitor")


@app.post("/invitation/<code>")
def invitation(code):
    """A sign-in that is just enough to begin with: a word that you give to those whom you invite."""
    if not os.environ.get("INVITATION") or not secrets.compare_digest(code.encode(), os.environ["INVITATION"].encode()):
        return {"error": "no such invitation"}, 403
    session["visitor"] = f"invited {secrets.token_hex(6)}"
    return {"welcome": True}


app.register_blueprint(
    sessions(desk, visitor, origins=[SITE], companions=["COMPANION_ID"]),
    url_prefix="/talk",
)
