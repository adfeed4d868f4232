"""Where a command connects, and by which settings."""
