"""Deliveries: find them, tell what became of each, and send one now."""
