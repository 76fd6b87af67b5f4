"""What a companion is made of: specification, consent, recordings, memories, persona. No network, nothing stored."""
