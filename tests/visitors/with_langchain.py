"""LangChain's MCP adapters: the tools as LangChain's agents call them, in one session."""

from __future__ import annotations

import asyncio

from asked import Task, task
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools


async def work(task: Task) -> None:
    client = MultiServerMCPClient({"storykeeper": task.server})
    async with client.session("storykeeper") as session:
        tools = {tool.name: tool for tool in await load_mcp_tools(session)}
        task.tools = sorted(tools)
        for number, (name, _) in enumerate(task.steps):
            call = {"name": name, "args": task.arguments(number), "id": str(number), "type": "tool_call"}
            answer = await tools[name].ainvoke(call)
            told = "\n".join(block["text"] for block in answer.content)
            task.answers.append(f"{answer.status}: {told}")


if __name__ == "__main__":
    asked = task()
    asyncio.run(work(asked))
    asked.tell()
