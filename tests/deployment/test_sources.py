"""What is deployed of a function and of the console."""

import io
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from deployment.cloud_run.builds import Source, build_config, build_request, buildpack
from deployment.cloud_run.sources import console_source, function_source, hash_of, packed
from deployment.stopped import Stopped
from tests.deployment.conftest import REPOSITORY
from tests.deployment.declared_settings import SETTINGS
from tests.deployment.staged import lay_out
from tests.function_build import build
from tests.git import git


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one function, and with what git does not track."""
    source = tmp_path / "checkout" / "functions"
    for name in ("shared", "worker"):
        (source / name / "__pycache__").mkdir(parents=True)
        (source / name / "main.py").write_text("x = 1\n", encoding="utf-8")
        (source / name / "__pycache__" / "main.pyc").write_bytes(b"1")
    (source / "__init__.py").touch()
    (source / "worker" / "requirements.txt").write_text("requests==1\n", encoding="utf-8")
    (source.parent / "requirements.lock").write_text("requests==1\n", encoding="utf-8")
    git(source.parent, "init", "--quiet")
    git(source.parent, "add", "*.py", "*.lock")
    return source.parent


def test_only_what_git_tracks_is_deployed(checkout: Path) -> None:
    (checkout / "functions" / "worker" / "service-account.json").touch()
    (checkout / "functions" / "worker" / "deleted.py").touch()
    git(checkout, "add", "functions/worker/deleted.py")
    (checkout / "functions" / "worker" / "deleted.py").unlink()
    assert function_source(checkout, "worker").keys() == {
        *("main.py", "requirements.txt"),
        *("functions/__init__.py", "functions/shared/main.py", "functions/worker/main.py"),
    }


@pytest.mark.parametrize(
    "target",
    ["{elsewhere}/key.json", "ignored.py", "../shared/untracked.py", "untracked_link.py", "gone.py", "key.py"],
)
def test_a_link_to_what_git_does_not_track_is_refused(checkout: Path, tmp_path: Path, target: str) -> None:
    worker = checkout / "functions" / "worker"
    for file in (tmp_path / "key.json", worker / "ignored.py", worker.parent / "shared" / "untracked.py"):
        file.write_text("secret", encoding="utf-8")
    (checkout / ".gitignore").write_text("ignored.py\n", encoding="utf-8")
    (worker / "untracked_link.py").symlink_to("main.py")
    (worker / "key.py").symlink_to(target.format(elsewhere=tmp_path))
    git(checkout, "add", "functions/worker/key.py")
    with pytest.raises(Stopped, match=r"functions/worker/key\.py leads to what git does not track"):
        function_source(checkout, "worker")


def test_a_folder_that_a_link_has_replaced_is_refused(checkout: Path, tmp_path: Path) -> None:
    (checkout / "functions" / "worker").rename(tmp_path / "worker")
    (checkout / "functions" / "worker").symlink_to(tmp_path / "worker")
    with pytest.raises(Stopped, match=r"functions/worker/main\.py leads to what git does not track"):
        function_source(checkout, "worker")


@pytest.mark.parametrize("target", ["main.py", "../shared/main.py", "../../functions/worker/other.py"])
def test_a_link_to_a_tracked_file_is_as_good_as_the_file(checkout: Path, target: str) -> None:
    worker = checkout / "functions" / "worker"
    (worker / "other.py").symlink_to("main.py")
    (worker / "link.py").symlink_to(target)
    git(checkout, "add", "functions/worker/link.py", "functions/worker/other.py")
    assert function_source(checkout, "worker")["functions/worker/link.py"] == b"x = 1\n"


@pytest.mark.parametrize("target", ["../shared", "{elsewhere}"])
def test_a_linked_folder_is_not_left_out_in_silence(checkout: Path, tmp_path: Path, target: str) -> None:
    (checkout / "functions" / "worker" / "linked").symlink_to(target.format(elsewhere=tmp_path))
    git(checkout, "add", "functions/worker/linked")
    with pytest.raises(Stopped, match="functions/worker/linked is a link to a folder"):
        function_source(checkout, "worker")


def test_other_ends_of_lines_in_the_checkout_make_no_other_source(checkout: Path) -> None:
    (checkout / "functions" / "worker" / "data.csv").write_bytes(b"a\r\nb\r\n")
    git(checkout, "-c", "core.autocrlf=false", "add", "functions/worker/data.csv")
    git(checkout, "commit", "--quiet", "--message=All")
    before = function_source(checkout, "worker")
    assert before["functions/worker/data.csv"] == b"a\r\nb\r\n"
    git(checkout, "config", "core.autocrlf", "true")
    git(checkout, "rm", "--quiet", "-r", "--cached", ".")
    git(checkout, "reset", "--quiet", "--hard")
    assert (checkout / "functions" / "shared" / "main.py").read_bytes() == b"x = 1\r\n"
    assert function_source(checkout, "worker") == before


def test_only_a_worker_whose_kinds_make_documents_has_what_these_take(checkout: Path) -> None:
    for name in ("requirements.lock", "functions/worker/requirements.txt"):
        shutil.copy(REPOSITORY / name, checkout / name)
    for project, has_typst in ((checkout, False), (REPOSITORY, True)):
        requirements = function_source(checkout, "worker", project)["requirements.txt"].decode()
        assert ("\ntypst==" in requirements, "\nmanimgx-fonts==" in requirements) == (has_typst, has_typst)


def test_the_hash_is_of_the_content_alone(checkout: Path) -> None:
    one = function_source(checkout, "worker")
    (checkout / "functions" / "worker" / "__pycache__" / "main.pyc").write_bytes(b"2")
    assert hash_of(function_source(checkout, "worker")) == hash_of(one)
    (checkout / "functions" / "shared" / "main.py").write_text("x = 2\n", encoding="utf-8")
    assert hash_of(function_source(checkout, "worker")) != hash_of(one)
    # As versions before this one have made it: what they have deployed is not built again.
    assert hash_of({"a/b.py": b"1", "a-b.py": b"2"}) == (
        "a80a387dba41c26e2a12be5960152f23c3a30cc3bccdac35e5ffd7baa4870c48"
    )


def test_the_same_files_make_the_same_archive() -> None:
    files = {"b.py": b"2", "a/c.py": b"1"}
    archive = packed(files)
    assert archive == packed(dict(reversed(files.items())))
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        members = tar.getmembers()
        contents = {each.name: tar.extractfile(each) for each in members}
        assert {name: file.read() for name, file in contents.items() if file} == files
    assert {(each.uid, each.uname, each.mode, each.mtime) for each in members} == {(0, "", 0o644, members[0].mtime)}


def test_the_console_says_how_it_is_run() -> None:
    files = console_source(REPOSITORY, "python314")
    assert files[".python-version"] == b"3.14\n"
    assert files["Procfile"] == b"web: python -m operations.console.deployed\n"
    assert {"scheduler.yaml", "operations/console/templates/page.html", "functions/worker/main.py"} <= files.keys()


def test_a_pool_of_the_settings_builds_and_another_one_makes_another_image() -> None:
    pool = "projects/builds-of-acme/locations/us-central1/workerPools/private"
    settings = SETTINGS.model_copy(update={"build_pool": pool})
    source = Source(service="report-worker", files={"main.py": b""}, function="worker")
    submit = build_request(settings, source)
    assert submit.body is not None
    assert (submit.body["workerPool"], build_config(settings, source)["workerPool"]) == (pool, pool)
    assert "workerPool" not in build_config(SETTINGS, source)


def test_an_instance_compiles_no_module_again(tmp_path: Path) -> None:
    lay_out(function_source(REPOSITORY, "worker"), tmp_path)
    build(tmp_path, buildpack("worker")["environmentVariables"])
    importing = [sys.executable, "-v", "-c", "import functions.shared.records.ids"]
    said = subprocess.run(importing, cwd=tmp_path, capture_output=True, text=True, check=True).stderr
    source = tmp_path / "functions" / "shared" / "records" / "ids.py"
    assert re.search(rf"matches '?{re.escape(str(source))}", said)
    assert f"bytecode is stale for {source}" not in said
