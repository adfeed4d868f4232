"""Versions: which one runs where, and whether a checkout is ready for a release."""
