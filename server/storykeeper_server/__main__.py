"""The `storykeeper` command; `python -m storykeeper_server` is the same."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout

from .starting import unswept


def main() -> int:
    with unswept(), redirect_stdout(sys.stderr):  # what modules print isn't a result
        from . import cli  # most of what a start takes
    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
