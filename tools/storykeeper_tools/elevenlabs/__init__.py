"""The ElevenLabs API: the only place that knows its addresses, headers and status codes."""
