"""Who decides: an agent that understands and explains, and fixed procedures that it can't be talked out of.

This is a composition root: it reads the environment, when `app` or `root_agent` is first asked for.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.adk.agents import LlmAgent
    from google.adk.apps import App, ResumabilityConfig
    from google.adk.models import BaseLlm
    from google.adk.plugins.base_plugin import BasePlugin

    from .toolbox import Progress, Toolbox

NAME = "storykeeper_orchestrator"


def build_app(
    environ: Mapping[str, str],
    *,
    model: str | BaseLlm | None = None,
    only_plan: bool = False,
    progress: Progress | None = None,
    box: Toolbox | None = None,
) -> App:
    """The application: one tool server over stdio, shared by the conversation and the procedures.

    `only_plan`: nothing but plans, and questions; `progress(done, total, message)` hears of long calls; `box` is another tool
    server than `storykeeper mcp`.
    Raises BadInput for settings that can't be meant.
    """
    from google.adk.agents import LlmAgent
    from google.adk.apps import App

    from . import guarding, procedures, toolbox
    from . import model as models

    box = box or toolbox.connect(environ, progress)
    root_agent = LlmAgent(
        name=NAME,
        model=models.bounded(model or models.chosen(environ)),
        description="Makes and looks after memory companions.",
        instruction=resources.files("storykeeper_orchestrator").joinpath("instruction.md").read_text(encoding="utf-8"),
        tools=[*procedures.tools(box, only_plan=only_plan), box.chest(only_reading=only_plan)],
        before_agent_callback=box.ready,
        before_tool_callback=guarding.one_at_a_time,
        on_tool_error_callback=guarding.broken,
    )
    return App(
        name=NAME,
        root_agent=root_agent,
        plugins=_plugins(environ, box),
        resumability_config=_resumable(),
    )


def _plugins(environ: Mapping[str, str], box: Toolbox) -> list[BasePlugin]:
    """What holds for every run of the application, whoever runs it."""
    from . import guarding, toolbox, tracing, usage

    limits = usage.limits(environ)
    return [toolbox.Closing(box), guarding.Answers(), tracing.Wordless(environ), usage.Usage(limits)]


def _resumable() -> ResumabilityConfig:
    """Runs go on where they were. ADK's warning that this is experimental is for us, not for whoever runs us."""
    from .asking import Direct

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return Direct(is_resumable=True)


@cache
def _app() -> App:
    return build_app(dict(os.environ))


def __getattr__(name: str) -> App | LlmAgent:
    """`app` and `root_agent`, built when ADK asks for them: importing this module does nothing."""
    if name == "app":
        return _app()
    if name == "root_agent":
        return _app().root_agent  # type: ignore[return-value]  # declared as any node; ours is the agent above
    raise AttributeError(name)
