"""What an export of Trigger Email may hold."""

import json
from pathlib import Path
from typing import Any

import pytest

from operations.kinds.trigger_email import converted

OF_ADA = {"template": {"name": "news", "data": {"plan": "pro"}}, "to": "ada@example.com"}
SENT = [{"delivery": {"startTime": time}} for time in ("2026-11-02T08:00:00", "2026-11-09T08:00:00Z")]


@pytest.mark.parametrize(
    "odd", [{"template": "news"}, {"template": {"name": "news", "data": [7]}}, {"delivery": "soon"}, *SENT[:1]]
)
def test_an_email_that_says_something_else_is_no_obstacle(tmp_path: Path, odd: dict[str, Any]) -> None:
    mail = {str(number): {**OF_ADA, **each} for number, each in enumerate((*SENT, odd))}
    export = tmp_path / "export.json"
    export.write_text(json.dumps({"templates": {"news": {"subject": "{{title}}"}}, "mail": mail}))
    made = converted(export, "news")
    assert made.sample == {"plan": "Plan", "title": "Title"}
    assert made.told[-1].endswith("mostly at 8:00 UTC: --cadence weekly --hour 8.")


def test_a_field_with_the_name_of_a_method_is_among_the_sample(tmp_path: Path) -> None:
    export = tmp_path / "export.json"
    template = {"subject": "{{title}}", "html": "{{#each items}}{{values}}{{/each}}{{copy}}"}
    export.write_text(json.dumps({"templates": {"news": template}, "mail": {}}))
    assert converted(export, "news").sample.keys() == {"title", "items", "copy"}
