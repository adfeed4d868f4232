"""Whom the pipeline enrolls: a first deployment says it, and a later one that does not changes nothing."""

from typing import Any

import pytest

from tests.deployment.conftest import Deployment


@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--only=dispatcher",)])
def test_a_first_deployment_that_does_not_say_it_stops_and_names_the_choices(
    bare: Deployment, options: tuple[str, ...]
) -> None:
    del bare.settings["ENROLL"]
    outcome = bare.deploy(*options)
    assert (outcome.status, bare.changes) == (1, []), outcome.text
    assert 'ENROLL is not set: whom does the pipeline give the report "activity" (hourly)?' in outcome.errors
    for choice in ("ENROLL=all: each user", "ENROLL=marked: only users", "ENROLL=none: nobody"):
        assert choice in outcome.errors
    assert "./reports users would-enroll" in outcome.errors


@pytest.mark.parametrize("enroll", ["all", "marked", "none"])
def test_what_runs_stays_where_a_later_deployment_does_not_say_it(deployed: Deployment, enroll: str) -> None:
    deployed.settings |= {"ENROLL": enroll, "ENROLL_AT_ONCE": "2000"}
    assert deployed.deploy("--only=dispatcher").status == 0
    variables = deployed.environment_of("dispatcher")
    assert (variables["ENROLL"], variables["ENROLL_AT_ONCE"]) == (enroll, "2000")
    del deployed.settings["ENROLL"]
    for options in ((), ("--check",)):
        outcome = deployed.deploy(*options)
        assert (outcome.status, deployed.changes) == (0, []), outcome.text


def test_a_deployment_of_a_version_without_the_setting_goes_on_to_enroll_all(deployed: Deployment) -> None:
    def forget(state: dict[str, Any]) -> None:
        (service,) = [
            value for name, value in state["resources"].items() if name.endswith("/services/report-dispatcher")
        ]
        container = service["template"]["containers"][0]
        container["env"] = [variable for variable in container["env"] if variable["name"] != "ENROLL"]

    deployed.edit(forget)
    del deployed.settings["ENROLL"]
    outcome = deployed.deploy("--only=dispatcher")
    assert outcome.status == 0, outcome.text
    assert deployed.environment_of("dispatcher")["ENROLL"] == "all"


@pytest.mark.parametrize(("before", "after"), [("none", "marked"), ("none", "all"), ("marked", "all")])
def test_a_wider_one_waits_until_a_person_says_how_many(deployed: Deployment, before: str, after: str) -> None:
    deployed.settings["ENROLL"] = before
    assert deployed.deploy("--only=dispatcher").status == 0
    deployed.settings["ENROLL"] = after
    outcome = deployed.deploy("--only=dispatcher")
    assert (outcome.status, deployed.changes) == (1, []), outcome.text
    assert f"ENROLL={after} is wider than ENROLL={before}, which runs" in outcome.errors
    assert deployed.deploy("--check").status == 3
    deployed.settings["ENROLL_AT_ONCE"] = "300"
    assert deployed.deploy("--only=dispatcher").status == 0
    variables = deployed.environment_of("dispatcher")
    assert (variables["ENROLL"], variables["ENROLL_AT_ONCE"]) == (after, "300")


@pytest.mark.parametrize("enroll", ["all", "marked", "none"])
def test_a_narrower_one_needs_no_word(deployed: Deployment, enroll: str) -> None:
    deployed.settings["ENROLL"] = enroll
    assert deployed.deploy("--only=dispatcher").status == 0
    assert deployed.environment_of("dispatcher")["ENROLL"] == enroll


def test_the_other_functions_do_without_it(deployed: Deployment) -> None:
    del deployed.settings["ENROLL"]
    assert deployed.deploy("--only=worker").status == 0


@pytest.mark.parametrize(("name", "value"), [("ENROLL", "everybody"), ("ENROLL_AT_ONCE", "0")])
def test_what_the_dispatcher_would_refuse_is_named(bare: Deployment, name: str, value: str) -> None:
    bare.settings[name] = value
    outcome = bare.deploy()
    assert (outcome.status, bare.changes) == (1, [])
    assert f"- {name}: " in outcome.errors
