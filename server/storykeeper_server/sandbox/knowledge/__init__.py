"""The knowledge base: documents, folders, their text, and what retrieval finds in it."""
