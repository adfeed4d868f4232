"""Where things stand in the worker: the provider behind its seam, and each log event in the documents."""

import re

from tests.support import REPOSITORY

FUNCTIONS = REPOSITORY / "functions"
WORKER = FUNCTIONS / "worker"
SOURCES = {path.relative_to(WORKER).as_posix(): path.read_text(encoding="utf-8") for path in WORKER.rglob("*.py")}


def test_only_the_providers_own_folder_and_the_place_that_chooses_it_name_it() -> None:
    everywhere = {path.relative_to(FUNCTIONS).as_posix(): path.read_text("utf-8") for path in FUNCTIONS.rglob("*.py")}
    naming = {name for name, source in everywhere.items() if "SendGrid" in source and "mail/sendgrid/" not in name}
    assert naming == {"worker/mail/provider.py"}
    importing = {
        name
        for name, source in SOURCES.items()
        if "functions.worker.mail.sendgrid" in source and "mail/sendgrid/" not in name
    }
    assert importing == {"mail/provider.py"}


def test_every_log_event_has_a_snake_case_name_that_the_documents_list() -> None:
    documented = (REPOSITORY / "docs" / "operations.md").read_text(encoding="utf-8")
    logged = [
        event
        for source in SOURCES.values()
        for event in re.findall(r"_logger\.\w+\((?:\s*#[^\n]*\n)?\s*\"([^\"]+)\"", source)
    ]
    assert len(logged) == sum(source.count("_logger.") for source in SOURCES.values())
    for event in logged:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", event)
        assert f"`{event}`" in documented
