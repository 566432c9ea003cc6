"""What a run will do: which operations, in which order, rewritten how."""
