"""Random graphs, run in three ways that must agree: see tests/fuzz/README.md."""
