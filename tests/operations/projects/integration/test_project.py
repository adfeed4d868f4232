"""A project beside the pipeline, from outside: as a team has it on its machine."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.git import git
from tests.operations.projects.integration.conftest import Origin, Project, make_project

pytestmark = pytest.mark.thorough


@pytest.mark.everyday
def test_it_is_a_repository_with_a_few_files_and_works_at_once(project: Project, origin: Origin) -> None:
    files = git(project.folder, "ls-files").splitlines()
    assert len(files) < 30
    assert not {"functions", "operations", "report_kit", "local_pipeline"} & {name.split("/")[0] for name in files}
    assert git(project.folder, "log", "--format=%s") == "Begin with Report Pipeline 0.1.0"
    assert project.changes == []

    workflow = yaml.safe_load((project.folder / ".github" / "workflows" / "reports.yaml").read_text())
    assert workflow["jobs"]["test"]["steps"][-1] == {"run": "./reports test"}
    tested = project.run("test")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert project.changes == []

    shown = project.run("preview", "--sample", "--kind", "notes", "--period", "2026-11-24")
    assert "Notes: Tuesday 24 November" in shown.stdout, shown.stderr
    made = project.run("new", "team_notes")
    assert "kinds/team_notes/__init__.py" in made.stdout, made.stderr
    assert project.changes == ["M kinds/kinds.json", "?? kinds/team_notes/"]
    listed = json.loads(project.run("version", "--json").stdout)
    assert listed[0] == {
        "what": "this project",
        "version": "0.1.0",
        "commit": git(origin.clone, "rev-parse", "HEAD"),
        "project": git(project.folder, "rev-parse", "HEAD") + "-dirty",
    }
    [cached] = [each for each in project.cache.iterdir() if each.is_dir()]
    assert git(cached, "status", "--porcelain", "--ignored") == ""


def test_a_second_project_shares_the_cache_and_both_work_without_a_network(
    project: Project, origin: Origin, tmp_path: Path
) -> None:
    assert project.run("--version").stderr.startswith("Fetching Report Pipeline 0.1.0")
    second = make_project(origin, tmp_path / "second")
    origin.server.rename(tmp_path / "elsewhere.git")
    for each in (project, second):
        again = each.run("--version")
        assert (again.returncode, again.stderr) == (0, "")
        assert again.stdout.startswith("reports 0.1.0 ")


@pytest.mark.everyday
def test_without_cache_and_network_it_says_what_to_do(project: Project, origin: Origin) -> None:
    shutil.rmtree(origin.server)
    ended = project.run("--version")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "cannot be fetched; git says:" in ended.stderr
    assert "needs no network" in ended.stderr


def test_an_interrupted_fetch_and_a_deleted_cache_are_made_up_for(project: Project) -> None:
    commit = git(project.folder, "show", "HEAD:pipeline.lock").rpartition(" ")[2]
    half = project.cache / f"{commit}.part" / "operations"
    half.mkdir(parents=True)
    assert project.run("--version").returncode == 0
    assert not half.parent.exists()
    shutil.rmtree(project.cache)
    assert project.run("--version").returncode == 0


def test_two_terminals_at_once_fetch_it_once(project: Project) -> None:
    both = [project.start("--version") for _ in range(2)]
    said = [each.communicate()[1] for each in both]
    assert [each.returncode for each in both] == [0, 0]
    assert "".join(said).count("Fetching") == 1


def test_a_server_that_gives_no_commit_by_its_hash(project: Project, origin: Origin) -> None:
    (origin.clone / "NEWER").touch()
    origin.release("0.2.0")
    old_protocol = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "protocol.version", "GIT_CONFIG_VALUE_0": "0"}
    project.variables |= old_protocol
    ran = project.run("--version")
    assert ran.stdout.startswith("reports 0.1.0 "), ran.stderr
    # Nor is there a tag: all branches are fetched.
    git(origin.server, "tag", "--delete", "v0.1.0")
    shutil.rmtree(project.cache)
    ran = project.run("--version")
    assert ran.stdout.startswith("reports 0.1.0 "), ran.stderr


def test_git_reaches_the_repository_by_its_own_settings(project: Project, origin: Origin) -> None:
    """Such as those for a private one: who signs in, and how."""
    lock, address = project.folder / "pipeline.lock", "https://git.example.com/pipeline.git"
    lock.write_text(lock.read_text().replace(str(origin.server), address))
    settings = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": f"url.{origin.server}.insteadOf"}
    project.variables |= {**settings, "GIT_CONFIG_VALUE_0": address}
    ran = project.run("--version")
    assert ran.stdout.startswith("reports 0.1.0 "), ran.stderr


def test_a_tag_that_was_moved_is_not_taken_for_the_commit(project: Project, origin: Origin) -> None:
    lock = project.folder / "pipeline.lock"
    commit = git(origin.clone, "rev-parse", "HEAD")
    lock.write_text(lock.read_text().replace(commit, "0" * 40))
    ended = project.run("--version")
    assert ended.returncode == 1
    assert f"has no commit {'0' * 40}, also not as refs/tags/v0.1.0" in ended.stderr


def test_on_windows_it_names_wsl(project: Project) -> None:
    script = str(project.folder / "reports")
    on_windows = f"import runpy, sys; sys.platform = 'win32'; runpy.run_path({script!r}, run_name='__main__')"
    ended = subprocess.run([sys.executable, "-c", on_windows], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "run this in WSL" in ended.stderr


def test_a_pin_that_cannot_be_followed_is_said_in_one_line(project: Project) -> None:
    for change in ("path: ../nowhere\n", "source: x\n", "", "nonsense\n"):
        (project.folder / "pipeline.lock").write_text(change)
        ended = project.run("--version")
        assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1), change
        assert "pipeline.lock" in ended.stderr, change


@pytest.mark.everyday
def test_a_clone_whose_commit_no_remote_has_is_pinned_by_its_path_and_does_not_deploy(
    origin: Origin, tmp_path: Path
) -> None:
    git(origin.clone, "commit", "--quiet", "--allow-empty", "--message", "Not pushed")
    project = make_project(origin, tmp_path / "acme")
    assert (project.folder / "pipeline.lock").read_text().splitlines()[-1] == "path: ../report-pipeline"
    assert project.run("--version").returncode == 0
    refused = project.run("deploy", "--project=p")
    assert refused.returncode == 1
    assert "--dirty" in refused.stderr


def test_a_password_in_a_remote_is_not_written_down(origin: Origin, tmp_path: Path) -> None:
    git(origin.clone, "fetch", "--quiet")
    git(origin.clone, "remote", "set-url", "origin", "https://ada:s3cret@git.example.com/pipeline.git")
    project = make_project(origin, tmp_path / "acme")
    assert "source: https://git.example.com/pipeline.git" in (project.folder / "pipeline.lock").read_text()


def test_a_folder_that_has_something_in_it_stays_as_it_is(origin: Origin, tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "mine").touch()
    with pytest.raises(AssertionError, match="is not empty"):
        make_project(origin, tmp_path / "acme")
    assert [file.name for file in (tmp_path / "acme").iterdir()] == ["mine"]


def test_the_kinds_and_settings_of_a_clone_are_taken_over(origin: Origin, tmp_path: Path) -> None:
    origin.edit("queue.yaml", "--max-attempts", "--max-doublings: 4\n--max-attempts")
    indexes = json.loads((origin.clone / "deployment" / "firestore.indexes.json").read_text())
    own = {
        "collectionGroup": "orders",
        "queryScope": "COLLECTION",
        "fields": [{"fieldPath": "at", "order": "ASCENDING"}],
    }
    old = tmp_path / "old"
    shutil.copytree(origin.clone, old)
    git(origin.clone, "checkout", "--quiet", "queue.yaml")
    # Version 0.1.0 had the indexes of its kinds in this file, too.
    of_kind = json.loads((origin.clone / "kinds" / "usage" / "firestore.indexes.json").read_text())
    indexes["indexes"] += [*of_kind["indexes"], own]
    indexes["fieldOverrides"] += of_kind["fieldOverrides"]
    (old / "deployment" / "firestore.indexes.json").write_text(json.dumps(indexes))
    (old / "deploy.env").write_text("BRAND_NAME=Acme\n")
    project = make_project(origin, tmp_path / "acme", "--from", str(old))
    assert (project.folder / "kinds" / "usage" / "templates" / "report.mjml").is_file()
    assert "--max-doublings: 4" in (project.folder / "queue.yaml").read_text()
    assert not (project.folder / "scheduler.yaml").exists()
    taken = json.loads((project.folder / "firestore.indexes.json").read_text())
    assert taken == {"indexes": [own], "fieldOverrides": []}
    assert (project.folder / "deploy.env").read_text() == "BRAND_NAME=Acme\n"
    assert project.changes == []


def test_a_run_sends_the_reports_of_the_kinds_that_there_are(origin: Origin, tmp_path: Path) -> None:
    project = make_project(origin, tmp_path / "acme", "--sql")
    ran = project.run("run", "--port-base", "26500")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "Every due report is final and as it should be." in ran.stdout
    [first, *_] = sorted((project.folder / ".local_cloud" / "mails").glob("*.html"))
    assert "Orders" in first.read_text()
    assert project.changes == []
    [cached] = [each for each in project.cache.iterdir() if each.is_dir()]
    assert git(cached, "status", "--porcelain", "--ignored") == ""


def test_the_kinds_of_a_clone_of_the_first_version_are_told_from_what_was_beside_them(
    origin: Origin, tmp_path: Path
) -> None:
    reports = tmp_path / "old" / "functions" / "worker" / "reports"
    for kind, text in {"activity": "def build(request): ...", "mine": "def build(request): ...", "sql": ""}.items():
        (reports / kind).mkdir(parents=True)
        (reports / kind / "__init__.py").write_text(text)
    (reports / "orders").mkdir()
    (reports / "orders" / "report.yaml").write_text("title: Orders\n")
    project = make_project(origin, tmp_path / "acme", "--from", str(tmp_path / "old"))
    kinds = project.folder / "kinds"
    assert {each.name for each in kinds.iterdir() if each.is_dir()} == {"activity", "mine", "orders"}
    # That of the pipeline is as this version has it.
    assert "report_kit" in (kinds / "activity" / "__init__.py").read_text()


def test_a_language_that_the_pipeline_does_not_speak_is_the_projects_own(project: Project) -> None:
    begun = project.run("catalogs", "fr")
    assert begun.stdout.split() == [
        "kinds/notes/locales/fr.po",
        "locales/preferences/fr.po",
        "locales/report_kit/fr.po",
    ], begun.stderr
    catalog = project.folder / "locales" / "report_kit" / "fr.po"
    text = catalog.read_text(encoding="utf-8")
    greeting = 'msgid "Hello {name},"\nmsgstr ""\n'
    assert greeting in text
    catalog.write_text(text.replace(greeting, 'msgid "Hello {name},"\nmsgstr "Bonjour {name},"\n'), encoding="utf-8")
    shown = json.loads(project.run("preview", "--sample", "--kind", "notes", "--locale", "fr", "--json").stdout)
    assert "Bonjour" in (project.folder / shown["text"]).read_text(encoding="utf-8")
    assert project.run("catalogs").stdout == ""
    [cached] = [each for each in project.cache.iterdir() if each.is_dir()]
    assert git(cached, "status", "--porcelain", "--ignored") == ""
