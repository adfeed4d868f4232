"""`make reference`: makes the parts of the documents again that come from the code, or from their own length."""

from collections.abc import Callable, Mapping

from tests.documents import commands, documents, http, log_events, metrics, reading_time
from tests.documents.generated_parts import renew

REFERENCE = reading_time.DOCS / "reference"

PAGES: Mapping[str, Mapping[str, Callable[[str], str]]] = {
    "commands.md": {"commands": lambda _part: commands.made_part()},
    "documents.md": documents.PARTS,
    "http.md": http.PARTS,
    "log-events.md": log_events.PARTS,
    "metrics.md": metrics.PARTS,
}
"""By page, its parts and what makes each."""


def renewed(page: str) -> str:
    """A page as the code would have it."""
    return renew((REFERENCE / page).read_text(encoding="utf-8"), PAGES[page])


if __name__ == "__main__":
    for name in PAGES:
        (REFERENCE / name).write_text(renewed(name), encoding="utf-8")
    for page in reading_time.pages():
        page.write_text(reading_time.renewed(page.read_text(encoding="utf-8")), encoding="utf-8")
