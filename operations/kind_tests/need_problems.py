"""What a kind uses and does not declare: it works where everything is installed, and fails where it is deployed."""

import ast
import re
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution, packages_distributions
from typing import NamedTuple

from functions.shared.needs import NEEDS_FILE, Needs
from functions.shared.project_files import PIPELINE
from operations.errors import OperatorError
from operations.previews import preview as previews
from report_kit.kind_folders import folder_of
from report_kit.mistakes import Place


class _Import(NamedTuple):
    """An import of a module, or of names from it."""

    place: Place
    module: str
    names: Sequence[str] = ()


def need_problems(kind: str) -> list[str]:
    """Say what a kind does not declare, and what it declares wrong."""
    try:
        declared = previews.known_needs().get(kind, Needs())
    except OperatorError as error:
        return [str(error)]
    packages, missing = _installed(declared.packages)
    packages += _installed(_workers_own())[0]
    return [
        *(f"{NEEDS_FILE} names {name}, which is not installed. Run `reports lock`." for name in missing),
        *(
            f"{each.place}: imports {each.module}. {problem}"
            for each in _imports(kind)
            if (problem := _problem(each, kind, packages))
        ),
    ]


def _workers_own() -> list[str]:
    lines = (PIPELINE / "functions" / "worker" / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def _installed(packages: Sequence[str]) -> tuple[list[Distribution], list[str]]:
    """Packages as they are installed, and the names of those that are not."""
    found, missing = [], []
    for each in packages:
        name = re.split(r"[\[=]", each)[0]
        try:
            found.append(distribution(name))
        except PackageNotFoundError:
            missing.append(name)
    return found, missing


def _imports(kind: str) -> Iterator[_Import]:
    folder = folder_of(kind)
    if (folder / "report.yaml").is_file():
        yield _Import(Place(folder / "report.yaml", 0), "sqlalchemy")
    for file in sorted(folder.rglob("*.py")):
        try:
            tree = ast.parse(file.read_bytes())
        except SyntaxError:
            continue  # The emails say so.
        for node in ast.walk(tree):
            place = Place(file, getattr(node, "lineno", 0))
            if isinstance(node, ast.Import):
                yield from (_Import(place, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield _Import(place, node.module, [alias.name for alias in node.names])


def _problem(imported: _Import, kind: str, packages: Sequence[Distribution]) -> str:
    top = imported.module.partition(".")[0]
    own = f"kinds.{kind}"
    if top in sys.stdlib_module_names or imported.module == "report_kit" or f"{imported.module}.".startswith(f"{own}."):
        return ""
    if top == "kinds":
        return f"A kind imports no other kind: copy what it needs into {own}."
    if (PIPELINE / top).is_dir():
        return "That may change with any version: import what `report_kit` itself has."
    if imported.place.file.name.startswith(("test_", "conftest")):
        return ""  # What only tests need is not deployed.
    modules = [imported.module, *(f"{imported.module}.{name}" for name in imported.names)]
    if any(_has(package, module) for package in packages for module in modules):
        return ""
    others = sorted(set(packages_distributions().get(top, ())))
    named = others[0] if len(others) == 1 else "its package"
    return f"Add {named} to the `packages` of {NEEDS_FILE}: the worker does not have it by itself."


def _has(package: Distribution, module: str) -> bool:
    """Whether a module is a package's; not that its parents are, which several packages may share."""
    files = "\n" + (package.read_text("RECORD") or "")
    path = module.replace(".", "/")
    return f"\n{path}/__init__." in files or f"\n{path}." in files
