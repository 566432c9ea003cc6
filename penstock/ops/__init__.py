"""What an op means: a file a subject, with specs, shape rules, kernels, gradients, functions."""
