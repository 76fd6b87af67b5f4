"""Which of the served operations do less than the service's, and what it is that they don't do."""

from __future__ import annotations

PARTLY: dict[str, str] = {}
