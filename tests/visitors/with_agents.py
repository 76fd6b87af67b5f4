"""OpenAI's Agents SDK: an agent with our server, whose model follows a script and reads what any model would."""

from __future__ import annotations

import asyncio

from agents import Agent, Runner, set_tracing_disabled
from agents.mcp import MCPServerStdio, MCPServerStreamableHttp
from agents.testing import ModelCall, ModelStep, ScriptedModel, assistant_message, function_call
from asked import Task, task

PATIENCE = 60.0


def server(task: Task) -> MCPServerStdio | MCPServerStreamableHttp:
    """As their users write it; they give a call five seconds, unless told otherwise."""
    kind = MCPServerStreamableHttp if "url" in task.server else MCPServerStdio
    return kind(task.server, name="storykeeper", client_session_timeout_seconds=PATIENCE)


def model(task: Task) -> ScriptedModel:
    """Calls one tool in each turn."""

    def turn(number: int) -> ModelStep:
        def respond(call: ModelCall) -> ModelStep:
            task.tools = sorted(tool.name for tool in call.tools)
            task.answers = answers(call)
            name, _ = task.steps[number]
            return ModelStep(output=[function_call(name, task.arguments(number), call_id=f"call_{number}")])

        return ModelStep.respond(respond)

    def end(call: ModelCall) -> ModelStep:
        task.answers = answers(call)
        return ModelStep(output=[assistant_message("Done.")])

    return ScriptedModel([*(turn(number) for number in range(len(task.steps))), ModelStep.respond(end)])


def answers(call: ModelCall) -> list[str]:
    """The tools' answers, as they stand in what the model is given."""
    outputs = [item["output"] for item in call.input if item.get("type") == "function_call_output"]
    return [text(output) for output in outputs]


def text(output: object) -> str:
    parts = output if isinstance(output, list) else [output]
    return "\n".join(part["text"] if isinstance(part, dict) else str(part) for part in parts)


async def work(task: Task) -> None:
    set_tracing_disabled(True)
    async with server(task) as storykeeper:
        agent = Agent(name="Keeper", instructions="Follow the script.", model=model(task), mcp_servers=[storykeeper])
        await Runner.run(agent, "Make a companion.", max_turns=len(task.steps) + 1)


if __name__ == "__main__":
    asked = task()
    asyncio.run(work(asked))
    asked.tell()
