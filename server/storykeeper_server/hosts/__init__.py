"""The assistants that Storykeeper can be used from: what their files say, and how one is changed without loss."""
