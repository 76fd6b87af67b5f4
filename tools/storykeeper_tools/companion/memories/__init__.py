"""Memories: read from many kinds of files into items, kept as a book, and written as knowledge documents."""
