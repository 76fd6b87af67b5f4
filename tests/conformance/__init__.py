"""What the official conformance suite asks of a server, on top of the server that we ship."""
