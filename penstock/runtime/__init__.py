"""How a plan runs: the interpreter over NumPy, clusters compiled by XLA, and the state of a session."""
