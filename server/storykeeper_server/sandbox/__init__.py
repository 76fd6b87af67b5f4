"""A local stand-in for the ElevenLabs HTTP API, for tests and for trying Storykeeper without an account."""
