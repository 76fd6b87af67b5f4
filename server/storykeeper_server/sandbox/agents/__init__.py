"""Agents: their settings, views, versions, widgets, and simulated conversations."""
