"""Rehearsal: what a companion is asked, and the rules by which its answers are graded, in each language."""
