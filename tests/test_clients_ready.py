"""What the official clients are installed from."""

from __future__ import annotations

import json

import clients


def test_packages_are_pinned_by_their_hashes_and_by_no_address() -> None:
    """So that any registry will do, and none can change what is run."""
    lock = json.loads((clients.FOLDER / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}

    assert packages
    assert [name for name, package in packages.items() if not package["integrity"].startswith("sha512-")] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []
