"""The environment variables of the machine: a process gets them with whatever else it gets."""

import os

_NAMES = frozenset({"PATH", "HOME", "LANG", "TMPDIR", "TZ", "LD_PRELOAD", "NO_FAKE_STAT"})
_OF_FAKETIME = "FAKETIME"
"""How the variables begin by which libfaketime, which LD_PRELOAD names, knows what to say about the time: a process
without them has another time than the one that has started it. https://github.com/wolfcw/libfaketime"""


def machine_variables() -> dict[str, str]:
    """Those that are set."""
    return {name: value for name, value in os.environ.items() if name in _NAMES or name.startswith(_OF_FAKETIME)}
