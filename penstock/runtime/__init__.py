"""How a plan runs: the interpreter over NumPy, clusters compiled by XLA, a session's state."""
