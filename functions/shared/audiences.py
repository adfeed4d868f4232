"""Which kinds have a query that names their recipients, for those who read no more of a report.yaml: the deployment,
the local cloud and the console."""

from pathlib import Path


def queries_of_recipients(kinds: Path) -> list[str]:
    """The names of these kinds. A malformed file counts as one without: `./reports test` says what is wrong.

    Args:
        kinds: the folder with all kinds.
    """
    import yaml

    found = []
    for file in sorted(kinds.glob("*/report.yaml")):
        try:
            # Values as they are written: none is looked at, and 2026-13-01 is no wrong day.
            content = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506  makes texts, lists and maps alone
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(content, dict) and isinstance(content.get("audience"), dict):
            found.append(file.parent.name)
    return found
