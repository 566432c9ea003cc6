"""Recurrent networks: cells, and what runs them over sequences. They call public ops only."""
