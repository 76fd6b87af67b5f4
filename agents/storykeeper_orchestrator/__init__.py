"""Who decides: a Google ADK orchestrator that turns a sentence into calls of the Storykeeper tools."""
