"""Where the local cloud listens, unless it is told otherwise."""

HOST = "127.0.0.1"
DEFAULT_PORT_BASE = 8470
"""The first of its ports."""
