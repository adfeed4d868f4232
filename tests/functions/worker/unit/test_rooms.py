"""Where things stand in the worker: the provider behind its seam."""

import pytest

from tests.support import REPOSITORY

FUNCTIONS = REPOSITORY / "functions"
WORKER = FUNCTIONS / "worker"
PROVIDERS = sorted(path.parent.name for path in (WORKER / "destinations/email").glob("*/__init__.py"))


def sources_without_tests() -> dict[str, str]:
    folders = ("functions", "report_kit", "kinds", "operations")
    paths = [path for folder in folders for path in (REPOSITORY / folder).rglob("*.py")]
    return {path.relative_to(REPOSITORY).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def test_no_function_names_the_provider_but_in_its_own_folder() -> None:
    everywhere = {path.relative_to(FUNCTIONS).as_posix(): path.read_text("utf-8") for path in FUNCTIONS.rglob("*.py")}
    naming = {name for name, source in everywhere.items() if "SendGrid" in source and "/sendgrid/" not in name}
    # The page of settings is made from the words of the second.
    assert naming <= {"worker/destinations/email/provider.py", "shared/settings.py"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_is_imported_only_where_it_is_chosen(provider: str) -> None:
    importing = {
        name
        for name, source in sources_without_tests().items()
        if f"functions.worker.destinations.email.{provider}" in source and f"email/{provider}/" not in name
    }
    assert importing <= {"functions/worker/destinations/email/provider.py"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_has_a_stand_in_and_tests_of_its_answers(provider: str) -> None:
    assert (REPOSITORY / "local_pipeline/inbox" / f"{provider}.py").exists()
    assert (REPOSITORY / "tests/functions/worker/destinations/email" / f"{provider}_case.py").exists()
