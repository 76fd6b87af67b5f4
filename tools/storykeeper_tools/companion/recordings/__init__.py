"""What recordings really are: decoded, measured and judged by what is in them, in a process of their own."""
