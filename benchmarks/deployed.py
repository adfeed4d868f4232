"""Hides packages that are not deployed: a deployed function finds only the packages of its own requirements."""

import json
import re
from importlib.metadata import packages_distributions
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

_HIDE = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name in {hidden}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Hidden())
"""


def hiding(packages: list[str]) -> str:
    """Python code after which these packages cannot be imported, such as Rich, which structlog imports where it is."""
    return _HIDE.format(hidden=json.dumps(packages))


def not_deployed(function: str, *, root: Path = REPOSITORY) -> list[str]:
    """The packages in this environment that a function's requirements do not have, in the checkout at `root`."""
    lock = (root / "functions" / function / "requirements.lock").read_text(encoding="utf-8")
    deployed = {_normalized(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.MULTILINE)}
    return sorted(
        package
        for package, distributions in packages_distributions().items()
        if not any(_normalized(name) in deployed for name in distributions)
    )


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
