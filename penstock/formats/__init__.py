"""Stored formats, one a file: checkpoints and what they are made of."""
