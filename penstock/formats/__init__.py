"""Stored formats: checkpoints, and graphs (GraphDefs) with what they are built by.

Graphs are written by `Graph.as_graph_def`, so that code is in penstock/graph (region_export.py).
"""
