"""Who decides: a Google ADK orchestrator that turns a sentence into calls of the Storykeeper tools."""

from .agent import build_app

__all__ = ["build_app"]
