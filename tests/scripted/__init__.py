"""Scripted models, what they are told to do wrong, and a person who talks with them."""
