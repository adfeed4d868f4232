"""What the deployment's files say about the functions is what the functions do."""

import ast
import importlib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from deployment.apis import APIS
from deployment.engine.declared import Kind
from deployment.env_file import RESERVED
from deployment.options import FUNCTIONS, Options
from deployment.resources import queues, schedule
from deployment.resources.environment import environment, secret_variables
from deployment.resources.secrets import OF_PROVIDERS, OWN
from deployment.settings import OF_DISPATCHER, OF_WORKER, SECRETS, VARIABLES, settings_of
from functions.shared.named_brand import NamedBrand
from functions.shared.needs import Needs
from functions.shared.records.dead_letter import DeadLetterReason
from functions.shared.records.delivery import DeliveryFailure
from functions.shared.records.delivery_attempt import AttemptResult, DeliveryAttempt
from functions.shared.records.delivery_table import Claimed, GivenUp, written
from functions.shared.records.report_task import ReportTask
from functions.shared.records.run import RunCounter
from functions.shared.records.subscription import SubscriptionDefaults, default_fields
from functions.shared.records.user import enrolled_fields
from functions.shared.times.lateness import COUNTED_BY_RUN_AFTER
from functions.shared.times.period import Period
from functions.shared.times.schedule import Cadence, Schedule
from functions.worker.kind_settings import OWN_VARIABLES
from local_cloud.flags_file import read_flags_file
from local_pipeline.sample_users import sample_users
from tests.deployment.conftest import REPOSITORY
from tests.deployment.declared_settings import SETTINGS
from tests.function_settings import FUNCTION_SETTINGS

DEPLOYMENT = REPOSITORY / "deployment"
INDEXES: dict[str, Any] = json.loads((DEPLOYMENT / "firestore.indexes.json").read_text(encoding="utf-8"))
NOW = datetime(2026, 11, 24, 13, tzinfo=UTC)
GOOGLES = {"OIDC_CERTS_URL", "OIDC_ISSUER"}
"""Where Google is Google, these have their defaults."""


@pytest.mark.parametrize(
    ("fields", "kind", "files"),
    [
        (queues.FIELDS, queues.QUEUE, ("queue.yaml", "deployment/continuation-queue.yaml")),
        (schedule.FIELDS, schedule.JOB, ("scheduler.yaml",)),
    ],
)
def test_every_flag_of_a_flags_file_sets_a_field(fields: dict[str, str], kind: Kind, files: tuple[str, ...]) -> None:
    for file in files:
        assert read_flags_file(REPOSITORY / file).keys() <= fields.keys()
    for path in fields.values():
        assert kind.method("patch").mask_path(path) == path


def test_every_setting_is_explained() -> None:
    example = (REPOSITORY / "deploy.env.example").read_text(encoding="utf-8")
    for name in (*VARIABLES, *SECRETS):
        assert re.search(rf"^#? ?{name}=", example, re.MULTILINE), f"{name} is not explained"


def test_every_variable_of_the_functions_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "kinds" / "sales").mkdir(parents=True)
    (tmp_path / "kinds" / "sales" / "report.yaml").write_text("audience: {sql: SELECT 1}\n", encoding="utf-8")
    given = dict.fromkeys((*OF_DISPATCHER, *OF_WORKER, "SENDGRID_LOGS"), "x")
    can_be_set: set[tuple[str, str]] = set()
    for provider in ("sendgrid", "resend", "smtp"):
        settings = SETTINGS.model_copy(
            update={
                "given": given,
                "project": tmp_path,
                "mail_from": "a@example.com",
                "default_kind": "sales",
                "mail_provider": provider,
                "ramp_start": NOW.date(),
                "on_unknown_outcome": "resend-if-absent",
                "archive": "on",
                "outcomes": "on",
                "console_operators": ("ada@example.com",),
                "api_callers": ("app@example.iam.gserviceaccount.com",),
                "kinds": {"sales": Needs(owner="sales@example.com")},
                "brands": {"acme": NamedBrand.model_validate({"from": "reports@acme.example"})},
            }
        )
        for function in FUNCTIONS:
            variables = {**environment(settings, function, webhook_keys="key")}
            can_be_set |= {(function, name) for name in (*variables, *secret_variables(settings, function))}
    read = {
        (function.lower().replace(" ", "-"), field.upper())
        for function, kinds in FUNCTION_SETTINGS.items()
        for kind in kinds
        for field in kind.model_fields
    }
    assert {each for each in read - can_be_set if each[1] not in GOOGLES} == set()


def test_every_secret_is_made_and_given_to_the_function_that_reads_it() -> None:
    read = {
        (field.upper(), function.lower().replace(" ", "-"))
        for function, kinds in FUNCTION_SETTINGS.items()
        for kind in kinds
        for field, info in kind.model_fields.items()
        if not info.repr
    }
    given = {
        (variable, function)
        for variable, functions in (OF_PROVIDERS | OWN).items()
        for function in functions
        if function != "console"
    }
    assert given == read
    assert set(SECRETS) == {variable for variable, _ in read}


def test_no_kind_may_declare_a_variable_that_the_pipeline_has() -> None:
    assert set(RESERVED) >= OWN_VARIABLES


def test_the_logs_that_metrics_and_alerts_look_for_are_written() -> None:
    sources = {
        name: "".join(path.read_text(encoding="utf-8") for path in (REPOSITORY / "functions" / name).rglob("*.py"))
        for name in ("dispatcher", "worker", "dlq_handler")
    }
    counters = {counter.value for counter in RunCounter}
    for file in sorted((DEPLOYMENT / "metrics").glob("*.json")):
        metric = json.loads(file.read_text(encoding="utf-8"))
        services = re.findall(r'service_name="\$\{PREFIX\}-([a-z-]+)"', metric["filter"])
        messages = re.findall(r'jsonPayload\.message="([^"]*)"', metric["filter"])
        assert len(services) == len(messages) > 0
        source = "".join(sources[service.replace("-", "_")] for service in services)
        for message in messages:
            assert f'"{message}"' in source, f"{file.name}: no function logs {message!r}"
        extractors = [*metric.get("labelExtractors", {}).values(), metric.get("valueExtractor", "")]
        for field in {*re.findall(r"jsonPayload\.(\w+)", metric["filter"] + "".join(extractors))} - {"message"}:
            is_logged = field in counters or re.search(rf"\b{field}=|\"{field}\"", source)
            assert is_logged, f"{file.name}: no function logs {field}"


def test_the_metric_counts_a_report_once() -> None:
    """The worker's lines up to the lateness at which the dispatcher's begin."""
    text = (DEPLOYMENT / "metrics" / "lateness.json").read_text(encoding="utf-8")
    assert f"jsonPayload.lateness_seconds<{COUNTED_BY_RUN_AFTER.seconds})" in text


def exempt_fields() -> set[tuple[str, str]]:
    """The collection and the name of each field that has no index of its own."""
    return {
        (override["collectionGroup"], override["fieldPath"])
        for override in INDEXES["fieldOverrides"]
        if override.get("indexes") == []
    }


def test_no_field_that_is_queried_is_left_without_an_index() -> None:
    sources = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("functions", "report_kit", "operations")
        for path in (REPOSITORY / folder).rglob("*.py")
    )
    queried = set(re.findall(r'\.(?:where|where_any|order_by)\(\(?"([a-z_]+)"', sources))
    assert {"active", "next_report_at", "received_at", "due_at", "shard"} <= queried
    within = {
        (index["collectionGroup"], field["fieldPath"]) for index in INDEXES["indexes"] for field in index["fields"]
    }
    asked_for = {(collection, field) for collection, field in exempt_fields() if field in queried}
    # A field without an index of its own is part of a query on several fields. No query asks for the due times of dead
    # letters.
    assert asked_for - within == {("dead_letters", "due_at")}


def test_no_index_rises_with_time_unless_the_model_says_how_far_it_goes() -> None:
    """https://firebase.google.com/docs/firestore/solutions/shard-timestamp"""
    task = ReportTask(user_id="u1", subscription_id="s1", delivery_id="d", due_at=NOW, run_id="r", kind="activity")
    failure = DeliveryFailure(reason=DeadLetterReason.LOST, error="e", failed_at=NOW)
    attempt = DeliveryAttempt(at=NOW, result=AttemptResult.CLAIMED)
    documents = {
        "deliveries": written(
            None, Claimed("o", NOW, "sendgrid"), task=task, now=NOW, period=Period(NOW, NOW), attempt=attempt
        )
        | written(None, GivenUp("o", failure), task=task, now=NOW),
        "report_subscriptions": default_fields("u1", SubscriptionDefaults("activity", Cadence.DAILY), due_at=NOW)
        | {"reported_until": NOW},
        "users": enrolled_fields(now=NOW),
    }
    rising = {(name, field) for name, fields in documents.items() for field, value in fields.items() if value == NOW}
    # A run's id is its time.
    rising |= {("deliveries", "run_id")}
    assert rising <= exempt_fields()
    page = (REPOSITORY / "docs/guides/size.md").read_text(encoding="utf-8")
    for index in INDEXES["indexes"]:
        collection, fields = index["collectionGroup"], [field["fieldPath"] for field in index["fields"]]
        if (collection, fields[0]) != ("deliveries", "user_id"):
            assert f"| `{collection}`: {', '.join(f'`{field}`' for field in fields)} |" in page


def collections() -> set[str]:
    """Those that the functions and the operator's side name in queries and paths."""
    found = set()
    for file in (file for folder in ("functions", "operations") for file in (REPOSITORY / folder).rglob("*.py")):
        module = ".".join(file.relative_to(REPOSITORY).with_suffix("").parts)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name("Query"), attr="of" | "of_group"), args=[ast.Name(name)]
                ) | ast.JoinedStr([ast.FormattedValue(ast.Name(name)), ast.Constant("/"), *_]):
                    if name.isupper():
                        found.add(getattr(importlib.import_module(module), name))
    return found


def test_the_page_for_organizations_names_the_services_that_are_turned_on() -> None:
    page = (REPOSITORY / "docs/guides/organization.md").read_text(encoding="utf-8")
    section = page.partition("\n## Services\n")[2].partition("\n## ")[0]
    assert re.findall("`([a-z]+)`", section.partition(", each with")[0]) == list(APIS)


BOUNDED = {
    "audiences": "a document for each kind whose recipients a query names",
    "calendars": "a few of the team's",
    "erased_users": "one of each user who was erased, which is to stay",
    "kind_pauses": "one document, with the latest pause of each kind",
    "mail_breaker": "one document, with the figures of the days that count",
    "users": "the application's",
    "report_subscriptions": "a few of each user's",
}
"""The collections without a time to live, and why they do not grow."""


def test_each_collection_that_grows_has_a_time_to_live() -> None:
    expiring = {override["collectionGroup"] for override in INDEXES["fieldOverrides"] if override.get("ttl")}
    assert len(expiring) >= 7
    assert expiring | BOUNDED.keys() == collections()
    assert not expiring & BOUNDED.keys()
    page = (REPOSITORY / "docs/reference/documents.md").read_text(encoding="utf-8")
    table = page.partition("## How long documents are kept")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z_]+)`", table, re.MULTILINE)) == expiring


def test_no_message_names_the_script_where_a_project_has_a_command_of_its_own() -> None:
    for file in DEPLOYMENT.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        texts = [str(node.value) for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in said]
        named = [text for text in texts if "./deploy.sh" in text]
        # Of the usage.
        assert named in ([], ["./deploy.sh"]), file


def test_the_default_kind_is_the_only_one_and_of_several_the_one_that_is_set(tmp_path: Path) -> None:
    given = {"PROJECT_ID": "p", "REGION": "us-central1", "MAIL_FROM": "a@b.c"}

    def read() -> tuple[str, list[str]]:
        settings, wrong = settings_of(given, root=REPOSITORY, options=Options(), kinds={}, now=NOW, project=tmp_path)
        return settings.default_kind, wrong

    assert read() == ("", ["DEFAULT_KIND: no kind of report of this name; ./reports new makes one."])
    for kind, file in {"sales": "report.yaml", "notes": "__init__.py"}.items():
        (tmp_path / "kinds" / kind).mkdir(parents=True)
        (tmp_path / "kinds" / kind / file).touch()
        if kind == "sales":
            assert read() == ("sales", [])
    assert read() == (
        "",
        ["DEFAULT_KIND is not set: which report a subscription gets that names none, of notes, sales."],
    )
    given["DEFAULT_KIND"] = "notes"
    assert read() == ("notes", [])


def test_a_deployment_refuses_brands_with_which_the_worker_would_not_start(tmp_path: Path) -> None:
    given = {"PROJECT_ID": "p", "REGION": "us-central1", "MAIL_FROM": "a@b.c", "DEFAULT_KIND": "sales"}
    (tmp_path / "kinds" / "sales").mkdir(parents=True)
    (tmp_path / "kinds" / "sales" / "report.yaml").touch()
    for brands, line in {
        "acme: {color: red}": "brands.yaml: acme.color: must be a color such as #2563eb",
        "acme: {unsubscribe_group: 7}": "brands.yaml: acme: unsubscribe_group needs MAIL_UNSUBSCRIBE_GROUP",
    }.items():
        (tmp_path / "brands.yaml").write_text(brands, encoding="utf-8")
        assert settings_of(given, root=REPOSITORY, options=Options(), kinds={}, now=NOW, project=tmp_path)[1] == [line]


class TestCadences:
    """Lists of cadences that are not made from the enum, and would not grow with it."""

    @pytest.mark.parametrize("cadence", Cadence)
    def test_the_deployment_takes_those_that_there_are(self, cadence: Cadence) -> None:
        given = {
            "PROJECT_ID": "p",
            "REGION": "us-central1",
            "MAIL_FROM": "a@b.c",
            "DEFAULT_KIND": "activity",
            "DEFAULT_CADENCE": cadence.value,
        }
        _, wrong = settings_of(given, root=REPOSITORY, options=Options(), kinds={}, now=NOW)
        # A cron line is each user's own, and cannot be the default.
        assert bool(wrong) == (cadence is Cadence.CRON)
        assert all(each in line for line in wrong for each in set(Cadence) - {Cadence.CRON})

    @staticmethod
    def named_in_row(field: str) -> tuple[str, set[Cadence]]:
        page = (REPOSITORY / "docs/reference/documents.md").read_text(encoding="utf-8")
        row = re.search(rf"^\| `{field}` .*", page, re.MULTILINE)
        assert row
        return row[0], {cadence for cadence in Cadence if re.search(rf"\b{cadence}\b", row[0])}

    def test_the_documents_name_all(self) -> None:
        assert self.named_in_row("cadence")[1] == set(Cadence)

    @pytest.mark.parametrize("field", ["hour", "minute", "weekday", "day"])
    def test_the_documents_say_which_use_a_field(self, field: str) -> None:
        row, named = self.named_in_row(field)

        def first_due(cadence: Cadence, value: int) -> datetime:
            values: dict[str, Any] = {"hour": 8, "minute": 0, "weekday": 1, "day": 1, field: value}
            return Schedule(cadence=cadence, time_zone=ZoneInfo("UTC"), **values).after(NOW)

        at_times = set(Cadence) - {Cadence.CRON}
        used_by = {cadence for cadence in at_times if first_due(cadence, 3) != first_due(cadence, 4)}
        assert used_by == {cadence for cadence in at_times if field in cadence.fields}
        assert named == (set(Cadence) - used_by if "not use" in row else used_by)

    def test_sample_users_have_all(self) -> None:
        written = [each.document for user in sample_users(12, now=NOW) for each in user.subscriptions if each.document]
        assert {fields["cadence"] for fields in written} == set(Cadence)


COSTS = [line.split(" | ") for line in (REPOSITORY / "docs/guides/size.md").read_text(encoding="utf-8").splitlines()]


class TestCosts:
    """docs/guides/size.md: the part that follows from this repository."""

    def test_each_condition_is_counted(self) -> None:
        policies = [json.loads(path.read_text()) for path in (REPOSITORY / "deployment/alert_policies").glob("*.json")]
        conditions = sum(len(policy["conditions"]) for policy in policies)
        (row,) = (row for row in COSTS if row[0] == "| Monitoring")
        assert row[4].startswith(f"{conditions} conditions at 1.50")
        assert row[1:4] == [f"{conditions * 1.5:.0f}"] * 3

    def test_the_total_is_the_sum(self) -> None:
        names = [row[0] for row in COSTS]
        above = COSTS[names.index("| Cloud Run") : names.index("| **Google, together**")]
        total = COSTS[names.index("| **Google, together**")]
        sums = [sum(int(row[column]) for row in above if row[column].isdigit()) for column in (1, 2, 3)]
        assert [int(figure.strip("*")) for figure in total[1:4]] == sums
