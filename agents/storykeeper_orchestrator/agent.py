"""The orchestrator: an agent that understands and explains, and one fixed procedure that it can't be talked out of.

This is a composition root: it reads the environment, when `app` or `root_agent` is first asked for.
"""

from __future__ import annotations

import os
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from google.adk.agents import LlmAgent
    from google.adk.apps import App

NAME = "storykeeper_orchestrator"
CHAT_TOOLS = frozenset(
    {
        "check_quota",
        "inspect_recording",
        "list_companions",
        "get_companion",
        "rehearse_companion",
        "get_signed_url",
    }
)


def build(environ: dict[str, str], model: str | None = None) -> App:
    """The application: one tool server over stdio, shared by the conversation and the procedure."""
    from google.adk.agents import LlmAgent
    from google.adk.apps import App, ResumabilityConfig

    from . import toolbox, workflow
    from .hearing import Ear

    ear = Ear()
    tools = toolbox.connect(environ, ear)
    # A workflow may be a tool, though the declared type of `tools` doesn't say so.
    procedure: Any = workflow.make_companion(tools, ear)
    root_agent = LlmAgent(
        name=NAME,
        model=model or toolbox.model(environ),
        description="Makes and looks after memory companions.",
        instruction=resources.files("storykeeper_orchestrator").joinpath("instruction.md").read_text(encoding="utf-8"),
        tools=[procedure, toolbox.View(tools, CHAT_TOOLS)],
    )
    household = toolbox.Household(tools)
    return App(
        name=NAME,
        root_agent=root_agent,
        plugins=[household],
        resumability_config=ResumabilityConfig(is_resumable=True),
    )


@cache
def _app() -> App:
    return build(dict(os.environ))


def __getattr__(name: str) -> App | LlmAgent:
    """`app` and `root_agent`, built when ADK asks for them: importing this module does nothing."""
    if name == "app":
        return _app()
    if name == "root_agent":
        return _app().root_agent  # type: ignore[return-value]  # declared as any node; ours is the agent above
    raise AttributeError(name)
