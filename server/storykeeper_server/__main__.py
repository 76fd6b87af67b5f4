"""`python -m storykeeper_server` is the `storykeeper` command."""

from __future__ import annotations

import sys

from .cli import main

sys.exit(main())
