"""The worker reads what kinds declare when it starts, and says in one line what is missing."""

from pathlib import Path

import pytest

from functions.shared import needs
from functions.shared.sanitize import error_text
from functions.worker.kind_settings import KINDS, OWN_VARIABLES, load_kind_settings, load_needs

EMULATOR = {"FIRESTORE_EMULATOR_HOST": "127.0.0.1:8471"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the kind `sales`, which has a secret."""
    folder = tmp_path / "kinds"
    (folder / "sales").mkdir(parents=True)
    text = 'secrets:\n  SALES_DATABASE_URL: {about: The database., local: "sqlite:///sales.db"}\n'
    (folder / "sales" / "needs.yaml").write_text(text, encoding="utf-8")
    return folder


def test_a_secret_that_is_not_set_has_its_local_value_where_firestore_is_an_emulator(folder: Path) -> None:
    assert load_kind_settings(load_needs(kinds=folder), EMULATOR) == {
        "sales": {"SALES_DATABASE_URL": "sqlite:///sales.db"}
    }
    given = {**EMULATOR, "SALES_DATABASE_URL": "postgresql://example"}
    assert load_kind_settings(load_needs(kinds=folder), given) == {
        "sales": {"SALES_DATABASE_URL": "postgresql://example"}
    }


def test_a_secret_stands_in_no_error(folder: Path) -> None:
    load_kind_settings(load_needs(kinds=folder), {"SALES_DATABASE_URL": "postgresql://reader:a-password@db.example"})
    assert error_text("cannot open postgresql://reader:a-password@db.example") == "cannot open [secret]"


def test_a_missing_secret_stops_the_worker_with_one_line(folder: Path) -> None:
    with pytest.raises(SystemExit) as end:
        load_kind_settings(load_needs(kinds=folder), {})
    problem = "SALES_DATABASE_URL: not set, and the kind sales needs it (The database)"
    assert end.value.code == f"Cannot start: {problem}"


def test_a_malformed_file_stops_the_worker_with_one_line(folder: Path) -> None:
    (folder / "sales" / "needs.yaml").write_text("settings:\n  MAIL_FROM: {about: The sender.}\n", encoding="utf-8")
    with pytest.raises(SystemExit) as end:
        load_kind_settings(load_needs(kinds=folder), EMULATOR)
    where = "kinds/sales/needs.yaml, line 2"
    assert (
        end.value.code == f"Cannot start: {where}: MAIL_FROM: is a variable of the pipeline's own; choose another name"
    )


def test_the_kinds_of_this_repository_declare_what_they_need() -> None:
    needs.load(KINDS, reserved=OWN_VARIABLES)
