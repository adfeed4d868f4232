"""The file by which commands find the local cloud. Keys that were set when it started are in it."""

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from local_cloud.errors import LocalCloudError
from local_pipeline.environment import Environment, Ports
from local_pipeline.provider import Provider
from tests.function_process import REPOSITORY


def environment(**outside: str) -> Environment:
    return Environment(
        ports=Ports(base=26_000), max_attempts=3, queue_rate=10, default_kind="activity", outside=outside
    )


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "data" / "environment"
    before = os.umask(0)
    try:
        environment().write(file, project=REPOSITORY)
        assert mode(file) == 0o600
        environment().write(file, project=REPOSITORY)
        assert mode(file) == 0o600
    finally:
        os.umask(before)
    assert "WORKER_URL=http://127.0.0.1:26006\n" in file.read_text()


def test_who_has_the_former_file_open_does_not_read_the_new_one(tmp_path: Path) -> None:
    file = tmp_path / "environment"
    file.write_text("something that anybody may read\n")
    file.chmod(0o644)
    with file.open() as spy:
        environment(SENDGRID_API_KEY="SG.secret").write(file, project=REPOSITORY)
        assert "SG.secret" not in spy.read()
    assert "SG.secret" in file.read_text()


def test_it_does_not_write_through_a_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    file = tmp_path / "environment"
    file.symlink_to(elsewhere)
    environment().write(file, project=REPOSITORY)
    assert elsewhere.read_text() == "mine"
    assert mode(file) == 0o600


def test_a_console_finds_the_inbox_also_where_mails_go_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "environment"
    environment(SENDGRID_HOST="https://api.sendgrid.com").write(file, project=REPOSITORY, with_control=True)
    assert "LOCAL_INBOX_URL=http://127.0.0.1:26000\n" in file.read_text()


def test_each_value_of_the_local_clouds_own_gives_way_to_one_from_outside() -> None:
    own = environment().variables
    variables = environment(**dict.fromkeys(own, "outside")).variables
    # The local cloud refuses to start with another Pub/Sub.
    assert {name for name, value in variables.items() if value != "outside"} == {"PUBSUB_EMULATOR_HOST"}


def test_the_option_names_the_provider_or_else_the_variable_does() -> None:
    assert environment().mail_provider == "sendgrid"
    from_outside = environment(MAIL_PROVIDER="smtp")
    assert (from_outside.mail_provider, from_outside.has_mail_events) == ("smtp", False)
    chosen = replace(from_outside, provider=Provider.RESEND)
    assert (chosen.mail_provider, chosen.variables["MAIL_PROVIDER"], chosen.has_mail_events) == (
        *("resend", "resend"),
        True,
    )
    with pytest.raises(LocalCloudError, match="MAIL_PROVIDER=carrier-pigeon: choose one of sendgrid, resend, smtp"):
        _ = environment(MAIL_PROVIDER="carrier-pigeon").mail_provider
