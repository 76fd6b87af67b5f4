"""Voices, their samples and settings, and what speaks."""
