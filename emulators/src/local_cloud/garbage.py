"""How often Python's garbage collector runs in a process of the local cloud."""

import gc


def collect_rarely() -> None:
    """Let the garbage collector run after 50,000 new objects instead of 700, and almost never over all objects.

    An emulator keeps hundreds of thousands of documents and tasks. They form no cycles, so the collector frees none of
    them, but with Python's own thresholds it looks through them again and again: a sixth of the process's time.
    https://docs.python.org/3/library/gc.html#gc.set_threshold
    """
    gc.set_threshold(50_000, 10, 100)
