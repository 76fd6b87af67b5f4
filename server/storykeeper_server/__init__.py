"""How Storykeeper is reached: the MCP server, the sandbox, and the command line."""
