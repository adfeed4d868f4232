"""That a run ends, and why."""


class Stopped(Exception):
    """A run cannot go on. Has a line of what is wrong, and further ones of what to do."""
