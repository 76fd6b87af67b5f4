"""The talk page and what web developers embed: a session route, guarded, and what a visitor is told."""
