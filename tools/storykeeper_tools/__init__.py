"""What can be done for a memory companion: plain async Python that knows no MCP, no ADK, and reads no environment."""
