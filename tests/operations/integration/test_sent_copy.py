"""What a customer got, in the console and by command: the copy of the archive, and not what the data say today."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest

from functions.shared.archive import Archive
from functions.shared.records.archived_copy import ArchivedCopy, CopiedFile, CopyName
from functions.shared.records.delivery import DeliveryState
from tests.operations.integration.browser import running
from tests.operations.integration.conftest import DUE, Project
from tests.storage import BUCKET, storage_running


@pytest.fixture
def delivery(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A delivery whose email the archive has."""
    project.put_user()
    letter = project.dead_letter(delivery=DeliveryState.SENT)
    now = datetime.now(UTC)
    name = CopyName.of("u1", letter, "c", days=9, now=now)
    copy = ArchivedCopy(
        *("u1", "default", letter, "activity", DUE, [], "Monday", "<p>Last Monday</p>", "Last Monday\n", "[h]", "[t]"),
        attachments=[CopiedFile("a.csv", "text/csv", b"1,2")],
    )
    with storage_running(project.background):
        monkeypatch.setenv("ARCHIVE", BUCKET)
        Archive(BUCKET).keep(name, copy)
        # The user's page shows those of four weeks.
        project.set_delivery(letter, archived_as=str(name), due_at=now - timedelta(days=1))
        yield letter


def test_the_console_shows_the_email_as_it_went_out(project: Project, delivery: str) -> None:
    with running() as console:
        page = unquote(console.get(f"/deliveries/{delivery}").text)
        assert f'src="/deliveries/{delivery}/sent"' in page
        assert f'src="/deliveries/{delivery}/mail"' not in page
        assert f'href="/deliveries/{delivery}#sent"' in unquote(console.get("/people/u1").text)
        sent = console.get(f"/deliveries/{delivery}/sent")
        assert sent.text == "<p>Last Monday</p>"
        assert "sandbox" in sent.headers["Content-Security-Policy"]
        file = console.get(f"/deliveries/{delivery}/sent/0")
        assert (file.content, file.headers["Content-Disposition"]) == (b"1,2", "attachment; filename*=UTF-8''a.csv")
        assert console.get(f"/deliveries/{delivery}/sent/1").status_code == 404
        # What is not kept any more is previewed.
        Archive(BUCKET).drop_all(Archive(BUCKET).names_of("u1"))
        assert f'src="/deliveries/{delivery}/mail"' in unquote(console.get(f"/deliveries/{delivery}").text)


def test_those_who_may_only_look_see_no_email(project: Project, delivery: str) -> None:
    with running(read_only=True) as console:
        for page in (f"/deliveries/{delivery}", "/people/u1"):
            assert not re.search("[/#]sent", console.get(page).text)
        assert console.get(f"/deliveries/{delivery}/sent").status_code == 403


def test_a_command_opens_it(project: Project, delivery: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def open_it(address: str) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr("webbrowser.open", open_it)
    (tmp_path / "u1_default_20261124T1300Z.html").touch(0o644)
    shown = project.reports("deliveries", "show", delivery, "--open", "--to", str(tmp_path), "--json").json
    page = Path(shown["html"])
    assert (page.read_text(), opened) == ("<p>Last Monday</p>", [page.as_uri()])
    assert [Path(file).name for file in shown["files"]] == [page.with_suffix(".txt").name, f"{page.stem}-a.csv"]
    assert page.stat().st_mode & 0o077 == 0
    project.set_delivery(delivery, archived_as=None, archive_error="Forbidden: no")
    refused = project.reports("deliveries", "show", delivery, "--open", "--to", str(tmp_path))
    assert (refused.status, "Forbidden: no" in refused.err) == (1, True)
    assert project.reports("deliveries", "show", delivery, "--json").json["state"] == "sent"
