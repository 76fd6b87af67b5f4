"""What all models of the tools have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Its validator is built with its first use: a start, and most calls, need few of them."""

    model_config = ConfigDict(defer_build=True)
