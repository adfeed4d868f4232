"""Lays a function out as an instance has it, where it finds only the packages of its own requirements."""

import json
import re
import runpy
import shutil
from importlib.metadata import packages_distributions
from pathlib import Path

from deployment.package_lock import packages_of
from proof.benchmarks.checkout import Checkout
from tests.function_build import IMAGE_TIME, build

REPOSITORY = Path(__file__).resolve().parents[2]

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
    own = root / "functions" / function / "requirements.lock"
    lock = own.read_text(encoding="utf-8") if own.is_file() else packages_of(root, f"functions/{function}")
    deployed = {_normalized(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.MULTILINE)}
    return sorted(
        package
        for package, distributions in packages_distributions().items()
        if not any(_normalized(name) in deployed for name in distributions)
    )


def lay_out(checkout: Checkout, name: str, folder: Path) -> Path:
    """Lay a function out as an instance has it.

    Args:
        checkout: the version of the repository that is deployed.
        name: the function.
        folder: where to lay it out, in a folder of its own.

    Returns:
        the folder of the function.
    """
    directory = folder / checkout.name.replace(" ", "-") / name
    # Another version has no kit yet.
    for source in filter(Path.exists, (checkout.path / each for each in ("functions", "report_kit", "kinds"))):
        shutil.copytree(source, directory / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    deployment = checkout.path / "deployment"
    staging, deploying = deployment / "cloud_run" / "sources.py", deployment / "cloud_run" / "builds.py"
    if not staging.exists():
        staging, deploying = deployment / "stage_function.py", deployment / "run_service.sh"
    main: str = runpy.run_path(str(staging))["MAIN"]
    (directory / "main.py").write_text(main.format(module=f"functions.{name}.main", function=name), encoding="utf-8")
    has_time = "SOURCE_DATE_EPOCH" in deploying.read_text(encoding="utf-8")
    build(directory, {"SOURCE_DATE_EPOCH": f"{IMAGE_TIME}"} if has_time else {})
    # Python imports it before all else.
    hidden = hiding(not_deployed(name, root=checkout.path))
    (directory / "sitecustomize.py").write_text(hidden, encoding="utf-8")
    return directory


def _normalized(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
