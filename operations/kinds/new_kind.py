"""Writes the skeleton of a kind of report: a folder beside the others, with a test and the catalogs of its texts."""

import json
import keyword
import re
import shutil
from pathlib import Path

from functions.shared.records.ids import KIND_PATTERN
from operations.errors import OperatorError
from operations.kinds.catalogs import update_catalogs
from operations.kinds.kind_source import Source
from operations.kinds.trigger_email import Converted

SKELETON = Path(__file__).parent / "skeleton"

_FILES = {
    "__init__.py.in": "__init__.py",
    "sample.py.in": "sample.py",
    "report.mjml.in": "templates/report.mjml",
    "report.txt.in": "templates/report.txt",
    "test.py.in": "test_{kind}.py",
}
_SQL_FILES = {
    "sql/report.yaml.in": "report.yaml",
    "sql/needs.{source}.yaml.in": "needs.yaml",
    "sql/sample.sql.in": "sample.sql",
    "sql/test.py.in": "test_{kind}.py",
}
_TRIGGER_EMAIL_FILES = {
    "trigger_email/__init__.py.in": "__init__.py",
    "trigger_email/sample.py.in": "sample.py",
    "trigger_email/sample.json.in": "sample.json",
    "trigger_email/report.mjml.in": "templates/report.mjml",
    "trigger_email/report.txt.in": "templates/report.txt",
    "trigger_email/subject.txt.in": "templates/subject.txt",
    "trigger_email/test.py.in": "test_{kind}.py",
}


def write_kind(
    kind: str,
    project: Path,
    *,
    pipeline: Path | None = None,
    source: Source | None = None,
    template: Converted | None = None,
) -> list[Path]:
    """Write the files, the catalogs of the kind's texts, and its title for the recipient's page. No file is written
    over.

    Args:
        project: the folder that holds `kinds/`.
        pipeline: that of the pipeline; None where that is the project, too: a clone.
        source: the database of a kind from SQL; None for one in Python.
        template: of Trigger Email, which the kind is to say; None for another kind.

    Returns:
        the files.

    Raises:
        OperatorError: the name cannot be a kind's, there is one of that name, or a file cannot be written or read. No
            file is left then.
    """
    if not re.fullmatch(KIND_PATTERN, kind) or keyword.iskeyword(kind):
        raise OperatorError(f"{kind!r} cannot be a kind: small letters, digits and _, and a letter first.")
    folder = project / "kinds" / kind
    names = {"kind": kind, "Kind": _title(kind), "SECRET": _secret(kind)} | (_of_template(template) if template else {})
    skeletons = _TRIGGER_EMAIL_FILES if template else _FILES if source is None else _SQL_FILES
    files = {
        folder / target.format(kind=kind): SKELETON / skeleton.format(source=source)
        for skeleton, target in skeletons.items()
    }
    if folder.exists():
        raise OperatorError(f"{folder.relative_to(project)} exists: choose another name.")
    try:
        for file, skeleton in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            text = skeleton.read_text(encoding="utf-8")
            for name, value in names.items():
                text = text.replace(f"@{name}@", value)
            file.write_text(text, encoding="utf-8")
        update_catalogs(project, pipeline=pipeline)
    except (OSError, OperatorError) as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise OperatorError(f"The kind cannot be written: {error}") from error
    return list(files)


def _of_template(template: Converted) -> dict[str, str]:
    return {
        "FIELDS": json.dumps([*template.sample], ensure_ascii=False),
        "SAMPLE": json.dumps(template.sample, ensure_ascii=False, indent=2),
        "HTML": template.html,
        "TEXT": template.text,
        "SUBJECT": template.subject,
    }


def _title(kind: str) -> str:
    return kind.replace("_", " ").strip().capitalize()


def _secret(kind: str) -> str:
    """The name of the secret with the URL of the kind's database."""
    return "_".join(filter(None, [*kind.upper().split("_"), "DATABASE", "URL"]))
