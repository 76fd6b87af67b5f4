"""What the official clients, the protocol's judges and foreign hosts are installed from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import clients
import referees


@pytest.mark.parametrize("folder", [clients.FOLDER, referees.LOCKED], ids=lambda folder: folder.name)
def test_packages_are_pinned_by_their_hashes_and_by_no_address(folder: Path) -> None:
    """So that any registry will do, and none can change what is run."""
    lock = json.loads((folder / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: package for name, package in lock["packages"].items() if name}

    assert packages
    assert [name for name, package in packages.items() if not package["integrity"].startswith("sha512-")] == []
    assert [name for name, package in packages.items() if "resolved" in package] == []


def test_foreign_hosts_are_pinned_by_their_hashes_and_by_no_address() -> None:
    """As the rest of what is installed with pip."""
    pinned = (referees.ROOT / "requirements" / "hosts.txt").read_text(encoding="utf-8")

    assert pinned.count("==") > 50
    assert pinned.count("==") <= pinned.count("--hash=sha256:")
    assert "://" not in pinned
