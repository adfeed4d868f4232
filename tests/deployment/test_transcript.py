"""What a run has printed, for an issue about it."""

import re

from tests.deployment.conftest import PROJECT, SECRETS, Deployment
from tests.deployment.stand_in.the_project import NUMBER


def test_a_run_that_failed_is_told_without_names(bare: Deployment) -> None:
    bare.settings |= {"ALERT_EMAIL": "ada@example.com", "EXTRA_MEMBERS": "user:bob@example.com"}
    nothing = bare.deploy("--report")
    assert (nothing.status, nothing.output) == (1, "No run of ./deploy.sh by this user is kept on this machine.\n")
    bare.fail("cloudtasks.projects.locations.queues.create", "OUT_OF_RANGE: ask ada@example.com")
    failed = bare.deploy("--verbose")
    assert failed.status == 1

    told = bare.deploy("--report")
    assert (told.status, told.errors, bare.calls) == (0, "", [])
    first, command, *lines = told.output.splitlines()
    assert re.fullmatch(r"version [0-9.a-z+]+, commit [0-9a-f]{12}; Python 3\..*; google-auth .*", first)
    assert command.endswith(" UTC: ./deploy.sh --verbose")
    # Each line of the run, in the order in which a terminal had them, and after how many seconds.
    said = {" ".join(line.split("s  ", 1)[-1].split()) for line in lines}
    for line in failed.text.replace(PROJECT, "…").splitlines():
        if not any(name in line for name in (NUMBER, "@example.com")):
            assert " ".join(line.split()) in said
    waited = [line for line in lines if "waiting for" in line]
    assert waited
    assert int(waited[-1].split()[0]) > int(waited[0].split()[0])
    assert any(line.endswith('Stopped in step "messaging".') for line in lines)
    for name in (PROJECT, NUMBER, "ada@", "bob@", *SECRETS.values()):
        assert name not in told.output
    assert bare.deploy("--report").output == told.output


def test_who_cannot_keep_it_deploys_all_the_same(deployed: Deployment) -> None:
    (deployed.directory / ".local").write_text("no folder", encoding="utf-8")
    assert deployed.deploy("--only=apis").status == 0
    assert deployed.deploy("--report").status == 1
