"""How an answer is graded."""

from __future__ import annotations

from typing import Literal

Verdict = Literal["pass", "fail", "unsure"]
"""`unsure` is for a person to judge, and never counts as passed."""
