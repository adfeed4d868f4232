"""`make reference`: makes the parts of the documents again that come from the code."""

from collections.abc import Callable, Mapping

from tests.documents import (
    api,
    beliefs,
    commands,
    delivery_table,
    documents,
    http,
    log_events,
    metrics,
    outcomes,
    permissions,
    report_kit,
    report_lives,
    settings,
    size,
)
from tests.documents.generated_parts import renew
from tests.support import REPOSITORY

DOCS = REPOSITORY / "docs"

PAGES: Mapping[str, Mapping[str, Callable[[str], str]]] = {
    "explanation/how-it-works.md": {**delivery_table.PARTS, **report_lives.PARTS},
    "guides/api.md": api.PARTS,
    "guides/permissions.md": permissions.PARTS,
    "guides/size.md": size.PARTS,
    "guides/sql-reports.md": documents.AUDIENCE_PARTS,
    "reference/beliefs.md": beliefs.PARTS,
    "reference/commands.md": {"commands": lambda _part: commands.made_part()},
    "reference/documents.md": documents.PARTS,
    "reference/http.md": http.PARTS,
    "reference/log-events.md": log_events.PARTS,
    "reference/metrics.md": metrics.PARTS,
    "reference/outcomes.md": outcomes.PARTS,
    "reference/report-kit.md": report_kit.PARTS,
    "reference/settings.md": settings.PARTS,
}
"""By page, its parts and what makes each."""


def renewed(page: str) -> str:
    """A page as the code would have it."""
    return renew((DOCS / page).read_text(encoding="utf-8"), PAGES[page])


if __name__ == "__main__":
    for name in PAGES:
        (DOCS / name).write_text(renewed(name), encoding="utf-8")
