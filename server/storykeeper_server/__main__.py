"""The `storykeeper` command; `python -m storykeeper_server` is the same."""

from __future__ import annotations

import sys

from .starting import unswept


def main() -> int:
    with unswept():
        from . import cli  # most of what a start takes
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
