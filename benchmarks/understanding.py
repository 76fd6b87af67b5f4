"""What the rules understand of the instruction table, by kind, against its bars.

    python benchmarks/understanding.py

Rows that aren't understood exactly are shown for the development part only: the other one is for measuring.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from understood import TABLE, Graded, graded  # noqa: E402 -- the tests' module is found by the path above

BARS = {"development": 0.95, "measured": 0.90}


def shown(part: str, result: Graded) -> bool:
    """Prints how a part went; whether it holds its bar."""
    kinds = "  ".join(f"{kind} {result.exact[kind]}/{count}" for kind, count in result.total.items())
    print(
        f"{part}: {result.exact.total()}/{result.total.total()} exact = {result.accuracy:.1%} (bar {BARS[part]:.0%}); wrong spends or deletions: {len(result.wrong)} (bar 0)"
    )
    print(f"  {kinds}")
    for row, made in result.inexact if part == "development" else []:
        print(f"  {row['say']}\n    wanted {row.get('acts') or row.get('ask') or row.get('answer')}\n    got    {made}")
    return result.accuracy >= BARS[part] and not result.wrong


def main() -> int:
    parts = [part for part in BARS if (TABLE / f"{part}.toml").exists()]
    held = [shown(part, graded(part)) for part in parts]
    return 0 if parts and all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
