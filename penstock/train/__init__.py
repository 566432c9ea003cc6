"""Training: optimizers, checkpoints, coordination of threads, hooks and monitored sessions."""
