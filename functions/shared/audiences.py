"""Which kinds have a query that names their recipients, for the deployment, which reads no more of a report.yaml."""

from pathlib import Path

from functions.shared.records.states import ReadEvery


def queries_of_recipients(kinds: Path) -> dict[str, str]:
    """How often each query is read, by kind. A malformed file counts as one without: `./reports test` says what is
    wrong.

    Args:
        kinds: the folder with all kinds.
    """
    import yaml

    found = {}
    for file in sorted(kinds.glob("*/report.yaml")):
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
            continue
        audience = content.get("audience") if isinstance(content, dict) else None
        if isinstance(audience, dict):
            found[file.parent.name] = str(audience.get("every") or ReadEvery.DAY.value)
    return found
