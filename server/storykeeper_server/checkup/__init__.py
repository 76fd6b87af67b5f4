"""What may keep Storykeeper from working, looked at without changing anything."""
