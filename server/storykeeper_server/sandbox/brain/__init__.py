"""The brain of an agent, where the live service has a language model.

It understands nothing: it recognises a few things that people say (despair, "are you real?", courtesies, a client tool's
name) by patterns, and finds everything else in the agent's documents by their words. What it says is a fixed sentence or
two to four sentences of one document; it never invents, and obeys nothing that stands in a document or in what is said.
Nothing here reads or writes anything, and the same words always get the same answer.

    memory = Memory(sources)                     # once for each conversation: it reads the documents
    reply(settings, memory, asked, history=...)  # settings as the agent keeps them; history is what the visitor said
    after_tool(settings, tool, result, error)    # when a client tool that a reply called came back
"""

from .languages import questions
from .memory import Memory
from .talk import after_tool, reply
from .types import Found, Reply, Source, Tool

__all__ = ["Found", "Memory", "Reply", "Source", "Tool", "after_tool", "questions", "reply"]
