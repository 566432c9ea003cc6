"""Stored formats: checkpoints, and graphs (GraphDefs) with what they are built by."""
