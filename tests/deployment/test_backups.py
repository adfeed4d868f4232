"""What brings a database's data back: the script's own have it, and others only what the settings say."""

from typing import Any

import pytest

from tests.deployment.conftest import PROJECT, Deployment, FirstDeployment

DATABASE = f"projects/{PROJECT}/databases/(default)"
CHANGED = "firestore.projects.databases.patch"
SCHEDULED = "firestore.projects.databases.backupSchedules"


def schedules(state: dict[str, Any]) -> list[dict[str, Any]]:
    return [value for name, value in state["resources"].items() if name.startswith(f"{DATABASE}/backupSchedules/")]


def _number(deployment: Deployment) -> str:
    [schedule] = schedules(deployment.state)
    return str(schedule["name"]).rpartition("/")[2]


@pytest.fixture
def with_database(bare: Deployment) -> Deployment:
    """A project whose database was there before, as another team's application has it."""
    database = {"name": DATABASE, "type": "FIRESTORE_NATIVE", "deleteProtectionState": "DELETE_PROTECTION_DISABLED"}
    bare.edit(lambda state: state["resources"].update({DATABASE: database}))
    return bare


def test_a_database_that_the_script_makes_keeps_versions_and_daily_backups(first_deployment: FirstDeployment) -> None:
    database = first_deployment.state["resources"][DATABASE]
    assert database["pointInTimeRecoveryEnablement"] == "POINT_IN_TIME_RECOVERY_ENABLED"
    assert database["deleteProtectionState"] == "DELETE_PROTECTION_ENABLED"
    [schedule] = schedules(first_deployment.state)
    assert (schedule["retention"], schedule["dailyRecurrence"]) == ("1209600s", {})
    assert "delete" not in first_deployment.outcome.errors


def test_a_database_gets_its_backups_after_a_run_that_ended_in_between(bare: Deployment) -> None:
    bare.fail(f"{SCHEDULED}.create", "PERMISSION_DENIED: no", times=1000)
    assert bare.deploy("--only=firestore").status == 1
    assert DATABASE in bare.state["resources"]
    bare.edit(lambda state: state["faults"].clear())
    assert bare.deploy("--only=firestore").status == 0
    assert len(schedules(bare.state)) == 1
    # What a person removes then stays away.
    bare.edit(lambda state: state["resources"].pop(schedules(state)[0]["name"]))
    assert bare.deploy("--only=firestore").status == 0
    assert not schedules(bare.state)


def test_to_a_database_that_was_there_before_only_what_the_settings_say_is_added(with_database: Deployment) -> None:
    first = with_database.deploy("--only=firestore")
    assert first.status == 0, first.text
    assert "set FIRESTORE_PITR=on FIRESTORE_BACKUPS=daily FIRESTORE_DELETE_PROTECTION=on in deploy.env" in first.errors
    assert f"{CHANGED} (default)" not in with_database.changes
    assert not schedules(with_database.state)

    with_database.settings |= {
        "FIRESTORE_PITR": "on",
        "FIRESTORE_BACKUPS": "weekly",
        "FIRESTORE_BACKUP_RETENTION": "8w",
    }
    promise = with_database.deploy("--only=firestore", "--dry-run")
    assert "To be created: 1, to be changed: 1, to be removed: 0" in promise.output
    assert with_database.changes == []
    second = with_database.deploy("--only=firestore")
    assert with_database.changes == [f"{CHANGED} (default)", f"{SCHEDULED}.create (default)"]
    assert "FIRESTORE_PITR" not in second.errors
    [schedule] = schedules(with_database.state)
    assert (schedule["retention"], schedule["weeklyRecurrence"]) == ("4838400s", {"day": "SUNDAY"})

    with_database.settings["FIRESTORE_BACKUP_RETENTION"] = "14w"
    with_database.deploy("--only=firestore")
    assert with_database.changes == [f"{SCHEDULED}.patch {_number(with_database)}"]
    with_database.deploy("--only=firestore")
    assert with_database.changes == []


def test_off_leaves_it_as_it_is_without_a_word(with_database: Deployment) -> None:
    with_database.settings |= dict.fromkeys(
        ("FIRESTORE_PITR", "FIRESTORE_BACKUPS", "FIRESTORE_DELETE_PROTECTION"), "off"
    )
    outcome = with_database.deploy("--only=firestore")
    assert outcome.status == 0, outcome.text
    assert "may be gone for good" not in outcome.errors
    assert not {f"{CHANGED} (default)", f"{SCHEDULED}.create (default)"} & set(with_database.changes)


def test_refuses_what_google_would_refuse_and_a_restore_to_come(bare: Deployment) -> None:
    bare.settings |= {"FIRESTORE_PITR": "yes", "FIRESTORE_BACKUPS": "hourly", "FIRESTORE_BACKUP_RETENTION": "15w"}
    bare.settings["RESTORED_AT"] = "2126-11-24T13:30:00Z"
    outcome = bare.deploy()
    assert outcome.status == 1
    for error in (
        "FIRESTORE_PITR: on or off",
        "FIRESTORE_BACKUPS: daily, weekly or off",
        "FIRESTORE_BACKUP_RETENTION: at most 98d or 14w",
        "RESTORED_AT: must not be in the future",
    ):
        assert error in outcome.errors


def test_a_database_of_the_enterprise_edition_is_refused(with_database: Deployment) -> None:
    with_database.edit(lambda state: state["resources"][DATABASE].update(databaseEdition="ENTERPRISE"))
    outcome = with_database.deploy("--only=firestore")
    assert outcome.status == 1
    assert "is of Firestore's Enterprise edition, which the pipeline cannot use." in outcome.errors
