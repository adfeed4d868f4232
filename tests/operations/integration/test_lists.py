"""What all lists have in common: how much is shown, for whom, and what a slip in a name comes to."""

import csv
import io
from datetime import UTC, datetime

import pytest

from functions.shared.records.dead_letter import DeadLetterReason
from functions.shared.records.delivery import DeliveryState
from tests.operations.integration.conftest import Project
from tests.seeding import seed

RUN = "20261124T1300Z"
DUE = datetime(2099, 11, 24, 13, tzinfo=UTC)
LETTERS = ("dead-letters", "list")


@pytest.mark.parametrize(
    "command",
    [
        ("deliveries", "--run", RUN),
        ("deliveries", "--state", "dead"),
        LETTERS,
        (*LETTERS, "--run", RUN),
        (*LETTERS, "--kind", "activity"),
        ("users", "list"),
        ("subscriptions", "list"),
    ],
    ids=" ".join,
)
def test_a_list_that_is_cut_says_how_much_there_is(project: Project, command: tuple[str, ...]) -> None:
    for user in ("u1", "u2", "u3"):
        seed(project.database, user, next_report_at=DUE)
        project.dead_letter(user)
    cut = project.reports(*command, "--limit", "2", "--json")
    assert len(cut.json) == 2
    assert "2 of 3: --limit N shows more, --all shows all." in cut.err
    whole = project.reports(*command, "--limit", "2", "--all", "--json")
    assert (len(whole.json), whole.err) == (3, "")
    exact = project.reports(*command, "--limit", "3", "--json")
    assert (len(exact.json), exact.err) == (3, "")


def test_deliveries_in_a_state_are_listed_alone(project: Project) -> None:
    project.dead_letter("u1")
    project.dead_letter("u2", delivery=DeliveryState.SENT)
    [row] = project.reports("deliveries", "--state", "dead", "--json").json
    assert row["user_id"] == "u1"
    refused = project.reports("deliveries")
    assert (refused.status, refused.out) == (2, "")
    assert refused.err.splitlines() == [
        "reports deliveries list: Invalid value: name --user, --run or --state; --subscription goes with --user. "
        "See reports deliveries list --help."
    ]


def test_dead_letters_by_user_run_kind_and_cause(project: Project) -> None:
    for user in ("u1", "u2"):
        project.dead_letter(user, cause="0" * 32)
    [row] = project.reports(*LETTERS, "--user", "u1", "--json").json
    assert row["user_id"] == "u1"
    for name, value, users in (
        ("--cause", row["cause"], {"u1", "u2"}),
        ("--run", row["run_id"], {"u1", "u2"}),
        ("--kind", row["kind"], {"u1", "u2"}),
        ("--kind", "other", set()),
    ):
        found = project.reports(*LETTERS, name, value, "--json").json
        assert {each["user_id"] for each in found} == users, (name, value)
    for filters in (("--user", "u1"), ("--run", row["run_id"])):
        assert project.reports(*LETTERS, *filters, "--state", "replayed", "--json").json == []
    missing = project.reports(*LETTERS, "--run", "20261124T1400Z")
    assert (missing.status, missing.err) == (1, "There is no run 20261124T1400Z: reports runs list shows the latest.\n")


@pytest.mark.parametrize(
    "command",
    [
        ("deliveries", "--user"),
        ("deliveries", "--subscription", "default", "--user"),
        (*LETTERS, "--user"),
        ("users", "show"),
        ("subscriptions", "show"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("slip", ["customer-4", "custmoer-42", "customer-42x", "customer-24"])
def test_a_slip_in_a_users_id_is_an_error_with_a_suggestion(
    project: Project, command: tuple[str, ...], slip: str
) -> None:
    for user in ("customer-42", *(f"c{number}" for number in range(20))):
        seed(project.database, user, next_report_at=DUE)
    answer = project.reports(*command, slip)
    assert (answer.status, answer.out) == (1, "")
    assert (
        answer.err
        == f"There is no user {slip}: reports users find EMAIL finds a user's id. Did you mean customer-42?\n"
    )


def test_half_an_id_gets_those_that_begin_with_it(project: Project) -> None:
    for user in ("u1", "u2"):
        project.dead_letter(user)
    answer = project.reports("dead-letters", "show", "u")
    assert answer.err.endswith(f" Did you mean u1:default:{RUN} or u2:default:{RUN}?\n")
    answer = project.reports("runs", "show", "20261124")
    assert answer.err == "There is no run 20261124: reports runs list shows the latest.\n"


@pytest.mark.parametrize("act", ["replay", "dismiss", "reopen"])
def test_an_act_on_an_id_with_a_slip_gets_a_suggestion(project: Project, act: str) -> None:
    project.dead_letter("u1")
    for wrong in ("u1:def", f"u1:defalt:{RUN}"):
        answer = project.reports("dead-letters", act, wrong, "--dry-run")
        assert answer.status == 1
        assert f"{wrong}: there is no such dead letter. Did you mean u1:default:{RUN}?" in answer.err


def test_a_value_that_an_option_does_not_take_is_one_plain_line(project: Project) -> None:
    answer = project.reports(*LETTERS, "--reason", "lots")
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.startswith(
        "reports dead-letters list: Invalid value for '--reason': 'lots' is not one of 'retries-"
    )


def test_a_dry_run_names_what_it_would_do(project: Project) -> None:
    project.dead_letter("u1")
    project.dead_letter("u2", reason=DeadLetterReason.UNKNOWN_OUTCOME)
    answer = project.reports("dead-letters", "replay", "--all", "--dry-run")
    assert f"u1:default:{RUN}: would be replayed" in answer.out
    assert "1 of them may have reached their users" in answer.err
    assert f"u2:default:{RUN}: a replay may send a second email" in answer.err
    assert f"u1:default:{RUN}" not in answer.err


@pytest.mark.parametrize("command", [("deliveries", "--state", "dead"), LETTERS, ("users", "list")], ids=" ".join)
def test_csv_has_the_keys_of_the_json(project: Project, command: tuple[str, ...]) -> None:
    seed(project.database, "u1", next_report_at=DUE)
    project.dead_letter("u1")
    [as_json] = project.reports(*command, "--json").json
    [as_csv] = csv.DictReader(io.StringIO(project.reports(*command, "--csv").out))
    assert list(as_csv) == list(as_json)
    assert as_csv["user_id"] == as_json["user_id"] == "u1"


@pytest.mark.parametrize(
    "command", [("runs",), ("deliveries", "--state", "dead"), ("system-alerts", "--limit", "3")], ids=" ".join
)
def test_list_need_not_be_written(project: Project, command: tuple[str, ...]) -> None:
    moment = datetime(2026, 11, 24, 13, tzinfo=UTC)
    project.database.collection("runs").document(RUN).set({"scheduled_for": moment})
    project.database.collection("system_alerts").document("a").set({"alert": "no-run", "received_at": moment})
    project.dead_letter("u1")
    noun, *options = command
    listed = project.reports(noun, "list", *options, "--json")
    assert len(listed.json) == 1
    assert listed == project.reports(*command, "--json")
