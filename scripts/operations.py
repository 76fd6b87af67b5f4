"""Write the table of the official OpenAPI file's operations, by which the sandbox knows what it doesn't emulate."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import openapi

TABLE = Path(__file__).resolve().parents[1] / "server/storykeeper_server/sandbox/operations.py"
METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
HEAD = '''"""The operations of the official OpenAPI file, a line for each path; written by `scripts/operations.py`."""

OPERATIONS = """
'''


def module(spec: dict[str, Any]) -> str:
    """The table as Python."""
    lines = (f"{' '.join(m.upper() for m in METHODS if m in item)} {path}\n" for path, item in spec["paths"].items())
    return f'{HEAD}{"".join(sorted(lines, key=_path))}"""\n'


def _path(line: str) -> str:
    return line.rpartition(" ")[2]


def main() -> int:
    file = openapi.ensure()
    if file is None:
        print("The official OpenAPI file needs npm, once.", file=sys.stderr)
        return 1
    TABLE.write_text(module(json.loads(file.read_text(encoding="utf-8"))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
