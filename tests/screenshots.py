"""Take pictures of the talk page in each of its states, by day and by night, on a desk and on a phone.

Needs what its tests need (`make test` sets it up); writes into the ignored `.cache/screenshots/`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from household import Site, site, visit
from microphones import microphone

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / ".cache" / "screenshots"
LOOKS = {
    "desk-light": [{"view": {"width": 1280, "height": 860}}, {"theme": "light"}],
    "desk-dark": [{"view": {"width": 1280, "height": 860}}, {"theme": "dark"}],
    "phone-light": [{"view": {"width": 390, "height": 844, "zoom": 2}}, {"theme": "light"}],
    "phone-dark": [{"view": {"width": 390, "height": 844, "zoom": 2}}, {"theme": "dark"}],
}
Steps = list[dict[str, Any]]


def told(page: Site, look: str) -> Steps:
    """One visit through all states, with a picture of each."""

    def picture(state: str) -> dict[str, Any]:
        return {"picture": str(FOLDER / f"{state}-{look}.png")}

    dorothy = page.of("Dorothy")
    return [
        *LOOKS[look],
        {"permission": "prompt"},
        {"open": f"{page.url}/"},
        {"shown": "Whose stories"},
        {"settled": True},
        picture("1-gallery"),
        {"open": dorothy},
        {"shown": "What you can hear about"},
        {"settled": True},
        picture("2-companion"),
        {"whole": str(FOLDER / f"2-companion-whole-{look}.png")},
        {"click": "Talk"},
        {"shown": "First, your microphone"},
        picture("3-permission"),
        {"click": "Continue"},
        {"sound": True},
        picture("4-voice"),
        {"click": "Help in a crisis"},
        {"shown": "Help from a person"},
        picture("5-crisis"),
        {"click": "Close"},
        {"click": "Stop"},
        {"shown": "You have stopped"},
        {"click": "Type instead"},
        {"shown": "Waiting for your words"},
        {"write": ["Your message", "Where were you born?"]},
        {"press": "Enter"},
        {"shown": "Shandon Street"},
        picture("6-text"),
        {"write": ["Your message", "There is no point any more."]},
        {"press": "Enter"},
        {"shown": "Suicide & Crisis Lifeline"},
        picture("6-text-distress"),
        {"offline": True},
        {"shown": "You seem to be offline"},
        picture("7-lost"),
        {"offline": False},
        {"open": dorothy},
        {"permission": "denied"},
        {"click": "Talk"},
        {"shown": "may not use the microphone"},
        picture("8-denied"),
        {"open": f"{page.url}/c/nobody-0000"},
        {"shown": "There is no such companion"},
        picture("9-nobody"),
    ]


def main() -> int:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as folder, site(Path(folder)) as page:
        for look in LOOKS:
            visit(told(page, look), sound=microphone(Path(folder) / "voice.wav", 2), home=Path(folder))
    print(f"{len(list(FOLDER.iterdir()))} pictures in {FOLDER.relative_to(ROOT)}/")
    return 0


if __name__ == "__main__":
    sys.exit(main())
