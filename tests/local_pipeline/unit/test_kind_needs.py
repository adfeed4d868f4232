"""What kinds declare, in the local cloud."""

import json
from pathlib import Path

import pytest

from functions.shared.audiences import queries_of_recipients
from local_pipeline.kind_needs import audience_variables, given_variables, owner_variables

SLACK = "https://hooks.slack.com/services/T/B/x"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for kind, needs in {
        "sales": "owner: team@corp.example\n",
        "usage": f'secrets:\n  USAGE_SLACK: {{about: "Where.", local: "{SLACK}"}}\nowner: USAGE_SLACK\n',
        "orders": 'secrets:\n  ORDERS_SLACK: {about: "Where."}\nowner: ORDERS_SLACK\n',
        "activity": "settings:\n  A_B: {about: x, default: y}\n",
        "broken": "owner: [\n",
        "odd": "- owner\n",
        "deep": "[" * 10_000,
        # To YAML a number, and a day that there is none of; to the worker two texts.
        "texts": "settings:\n  C_D: {about: 2026-13-01, default: 010}\n",
    }.items():
        folder = tmp_path / "kinds" / kind
        folder.mkdir(parents=True)
        (folder / "needs.yaml").write_text(needs)
    return tmp_path


def test_owners_who_can_be_told_here(repository: Path) -> None:
    variables = owner_variables(repository, {})
    assert json.loads(variables.pop("KIND_OWNERS")) == {"usage": "USAGE_SLACK"}
    assert variables == {"USAGE_SLACK": SLACK}


def test_what_is_set_goes_first(repository: Path) -> None:
    outside = {"OWNER_MAIL_URL": "mailto://localhost", "ORDERS_SLACK": "json://localhost", "USAGE_SLACK": "json://here"}
    variables = owner_variables(repository, outside)
    assert json.loads(variables["KIND_OWNERS"]) == {
        "orders": "ORDERS_SLACK",
        "sales": "team@corp.example",
        "usage": "USAGE_SLACK",
    }
    assert variables["USAGE_SLACK"] == "json://here"


def test_kinds_without_owners_need_no_variable(tmp_path: Path) -> None:
    assert owner_variables(tmp_path, {}) == {}


def test_commands_find_what_the_worker_has_read(repository: Path) -> None:
    outside = {"A_B": "set", "USAGE_SLACK": "json://here", "ORDERS_SLACK": "", "PATH": "/bin"}
    assert given_variables(repository, outside) == {"A_B": "set", "USAGE_SLACK": "json://here"}


def test_the_dispatcher_knows_the_queries_that_name_recipients(repository: Path) -> None:
    assert audience_variables(repository) == {}
    for kind, audience in {
        "sales": "{sql: SELECT 1}",
        "usage": "{sql: SELECT 1}",
        "orders": "",
        "odd": "[",
    }.items():
        (repository / "kinds" / kind / "report.yaml").write_text(f"title: x\naudience: {audience}\n")
    assert audience_variables(repository) == {"AUDIENCES": "sales,usage"}
    # The deployment finds the same.
    assert queries_of_recipients(repository / "kinds") == ["sales", "usage"]
