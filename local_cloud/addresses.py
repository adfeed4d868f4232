"""Where the local cloud listens, unless it is told otherwise."""

DEFAULT_PORT_BASE = 8470
"""The first of its ports."""
