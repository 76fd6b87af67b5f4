"""The MCP server: a loop over the catalogue."""
