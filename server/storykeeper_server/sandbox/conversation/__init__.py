"""Conversations over the WebSocket: admission, turns, voice, and what is kept of them."""
