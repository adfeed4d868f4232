"""Which kinds have a query that names their recipients, for the deployment, which reads no more of a report.yaml."""

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
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
            continue
        if isinstance(content, dict) and isinstance(content.get("audience"), dict):
            found.append(file.parent.name)
    return found
