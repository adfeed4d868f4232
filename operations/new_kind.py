"""Writes the skeleton of a kind of report: a folder beside the others, a test, and its texts in the catalogs."""

import keyword
import re
from pathlib import Path

from functions.shared.ids import KIND_PATTERN
from operations.catalogs import update_catalogs
from operations.errors import OperatorError

ROOT = Path(__file__).resolve().parents[1]
SKELETON = Path(__file__).parent / "skeleton"

_FILES = {
    "__init__.py.in": "functions/worker/reports/{kind}/__init__.py",
    "sample.py.in": "functions/worker/reports/{kind}/sample.py",
    "report.mjml.in": "functions/worker/reports/{kind}/templates/report.mjml",
    "report.txt.in": "functions/worker/reports/{kind}/templates/report.txt",
    "test.py.in": "tests/functions/worker/unit/test_{kind}.py",
}


def write_kind(kind: str, root: Path) -> list[Path]:
    """Write the files, and add the kind's texts to the catalogs. None is written over.

    Args:
        kind: its name.
        root: of the repository.

    Returns:
        the files.

    Raises:
        OperatorError: the name cannot be a kind's, something of that name exists, or a file cannot be written.
    """
    if not re.fullmatch(KIND_PATTERN, kind) or keyword.iskeyword(kind):
        raise OperatorError(f"{kind!r} cannot be a kind: small letters, digits and _, and a letter first.")
    reports = root / "functions" / "worker" / "reports"
    files = {root / target.format(kind=kind): SKELETON / source for source, target in _FILES.items()}
    taken = [*reports.glob(kind), *reports.glob(f"{kind}.py"), *(file for file in files if file.exists())]
    if taken:
        raise OperatorError(f"{taken[0].relative_to(root)} exists: choose another name.")
    try:
        for file, source in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            text = source.read_text(encoding="utf-8")
            file.write_text(text.replace("@kind@", kind).replace("@Kind@", _title(kind)), encoding="utf-8")
        update_catalogs(reports)
    except OSError as error:
        raise OperatorError(f"The kind cannot be written: {error}.") from error
    return list(files)


def _title(kind: str) -> str:
    return kind.replace("_", " ").strip().capitalize()
