"""`reports calendars`, on a local cloud."""

from datetime import UTC, datetime

from tests.function_process import REPOSITORY
from tests.operations.integration.conftest import Project
from tests.seeding import seed

DUE = datetime(2126, 11, 25, 7, tzinfo=UTC)


def test_a_calendar_is_imported_changed_and_shown(project: Project) -> None:
    ics = str(REPOSITORY / "examples/holidays.ics")
    tried = project.reports("calendars", "import", "berlin", "--ics", ics, "--years", "1", "--dry-run", "--json")
    assert tried.json["dry_run"]
    assert project.database.document("calendars/berlin").get().to_dict() is None
    imported = project.reports("calendars", "import", "berlin", "--ics", ics, "--years", "1", "--json").json
    year = datetime.now(UTC).year
    holidays = [f"{year}-01-01", f"{year}-12-25", f"{year}-12-26"]
    assert imported["added"] == tried.json["added"] == holidays
    changed = project.reports(
        *("calendars", "set", "berlin", "--add", f"{year}-12-24", "--remove", f"{year}-12-26", "--on-day-off", "skip"),
    )
    assert "is left out" in changed.out
    shown = project.reports("calendars", "show", "berlin", "--json").json
    assert shown["dates"] == [f"{year}-01-01", f"{year}-12-24", f"{year}-12-25"]
    assert shown["on_day_off"] == "skip"
    # What was set stays with the next import.
    assert project.reports("calendars", "import", "berlin", "--ics", ics, "--years", "1", "--json").json == {
        "name": "berlin",
        "added": [f"{year}-12-26"],
        "removed": [],
        "on_day_off": "skip",
        "dry_run": False,
    }
    actions = [each.to_dict() for each in project.database.collection("operator_actions").stream()]
    assert [(each["action"], each["subject"]) for each in actions] == [("Change calendar", "berlin")] * 3


def test_a_malformed_calendar_is_listed_with_what_is_wrong(project: Project) -> None:
    project.database.document("calendars/broken").set({"dates": "2026-12-25"})
    (row,) = project.reports("calendars", "list", "--json").json
    assert (row["name"], row["dates"]) == ("broken", 0)
    assert "dates: must be a list" in row["problem"]


def test_what_cannot_be_is_refused_and_nothing_is_written(project: Project) -> None:
    for line in (
        ["show", "none"],
        ["set", "Berlin", "--add", "2026-12-25"],
        ["set", "x", "--add", "soon"],
        ["set", "x"],
    ):
        assert project.reports("calendars", *line).status != 0
    assert not list(project.database.collection("calendars").stream())


def test_a_subscription_takes_a_calendar_that_there_is(project: Project) -> None:
    seed(project.database, "u1", cadence="daily", next_report_at=datetime.now(UTC))
    refused = project.reports("subscriptions", "set", "u1", "--calendar", "berlin")
    assert refused.status == 2
    assert "there is no calendar berlin" in refused.err
    project.reports("calendars", "set", "berlin", "--add", "2026-12-25")
    row = project.reports("subscriptions", "set", "u1", "--calendar", "berlin", "--json").json
    assert (row["calendar"], row["problem"]) == ("berlin", None)


def test_a_calendar_is_removed_after_the_subscriptions_that_name_it_were_shown(project: Project) -> None:
    project.database.document("calendars/berlin").set({"dates": ["2026-12-25"]})
    seed(project.database, "ada", next_report_at=DUE, calendar="berlin")
    seed(project.database, "bob", next_report_at=DUE, calendar="paris")
    asked = project.reports("calendars", "remove", "berlin")
    assert asked.status == 1
    assert "until they name another or none: ada/default" in " ".join(asked.err.split())
    assert project.database.document("calendars/berlin").get().exists
    done = project.reports("calendars", "remove", "berlin", "--yes", "--json")
    assert done.json == {"name": "berlin", "removed": True, "named_by": ["ada/default"]}
    assert not project.database.document("calendars/berlin").get().exists
    assert project.reports("calendars", "remove", "berlin", "--yes").status == 1
