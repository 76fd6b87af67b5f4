"""The table of bad input: what is given, and what the server says to it."""
