"""What a kind needs is read strictly, and every mistake is one line with file and line."""

from pathlib import Path

import pytest

from functions.shared import needs
from functions.shared.needs import InvalidNeeds, Needs, NextVersion, NotSet, Role, Secret, Setting
from functions.shared.times.schedule import Cadence

WHOLE = """\
settings:
  SALES_CURRENCY: {about: What amounts are in., default: EUR}
  SALES_REGION:
    about: Which region.
secrets:
  SALES_DATABASE_URL: {about: "The database.", local: "sqlite:///sales.db"}
  SALES_TEAM_WEBHOOK: {about: Where the team is told.}
roles:
  - {role: roles/bigquery.jobUser, on: project}
  - {role: roles/bigquery.dataViewer, on: dataset, name: analytics}
  - {role: roles/storage.objectViewer, on: bucket, name: my-bucket}
  - {role: roles/cloudsql.client, on: instance, name: shop}
packages:
  - sqlalchemy==2.0.44
  - psycopg[binary]==3.3.1
owner: SALES_TEAM_WEBHOOK
choices: {cadences: [daily, weekly], hours: [5, 6]}
next: {percent: 5, for: [u42, u17/weekly, Jane@example.com]}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "kinds"
    (folder / "activity").mkdir(parents=True)
    return folder


def write(folder: Path, kind: str, text: str) -> None:
    (folder / kind).mkdir(exist_ok=True)
    if text == WHOLE:
        (folder / kind / "next").mkdir(exist_ok=True)
    (folder / kind / "needs.yaml").write_text(text, encoding="utf-8")


def test_documents_take_packages_that_only_their_kinds_have(folder: Path) -> None:
    write(folder, "sales", "packages: [lonely==1.0]\npdf: true\n")
    found = needs.load(folder)["sales"]
    assert (found.packages, found.pdf) == (("lonely==1.0", "manimgx-fonts", "manimgx-fonts-cjk", "typst"), True)
    write(folder, "sales", "pdf: false\n")
    assert needs.load(folder)["sales"] == Needs()


def test_a_kind_without_a_file_needs_nothing(folder: Path) -> None:
    assert needs.load(folder) == {}
    write(folder, "sales", "# nothing yet\n")
    assert needs.load(folder) == {"sales": Needs()}


def test_all_that_a_kind_may_need(folder: Path) -> None:
    write(folder, "sales", WHOLE)
    assert needs.load(folder) == {
        "sales": Needs(
            settings={
                "SALES_CURRENCY": Setting(about="What amounts are in.", default="EUR"),
                "SALES_REGION": Setting(about="Which region."),
            },
            secrets={
                "SALES_DATABASE_URL": Secret(about="The database.", local="sqlite:///sales.db"),
                "SALES_TEAM_WEBHOOK": Secret(about="Where the team is told."),
            },
            roles=(
                Role("roles/bigquery.jobUser", "project"),
                Role("roles/bigquery.dataViewer", "dataset", "analytics"),
                Role("roles/storage.objectViewer", "bucket", "my-bucket"),
                Role("roles/cloudsql.client", "instance", "shop"),
            ),
            packages=("sqlalchemy==2.0.44", "psycopg[binary]==3.3.1"),
            owner="SALES_TEAM_WEBHOOK",
            cadences=("daily", "weekly"),
            hours=(5, 6),
            next=NextVersion(percent=5, chosen=frozenset({"u42", "u17/weekly", "Jane@example.com"})),
        )
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("settings:\n  A_B: {about: x\n", "line 3: expected ',' or '}', but got '<stream end>'"),
        ("- a\n", "line 1: must be a mapping"),
        ("[" * 10_000, "line 1: maximum recursion depth exceeded"),
        (
            "secret:\n  A_B: {about: x}\n",
            "line 1: secret is not known; there are archive_days, canary, choices, next, ",
        ),
        ("settings:\n", "line 1: must be a mapping of variables"),
        ("settings:\n  A_B: 5\n", "line 2: must be {about: …, default: …}"),
        ("settings:\n  A_B: {default: x}\n", "line 2: A_B: needs about"),
        ("secrets:\n  A_B: {about: x, default: y}\n", "line 2: default is not known; there are about, local"),
        ("settings:\n  A_B: {about: x, default: [1]}\n", "line 2: default: must be a text"),
        ("settings:\n  A_B: {about: x, default: null}\n", "line 2: default: must be a text"),
        ('settings:\n  A_B: {about: x, default: "a\\nb"}\n', "line 2: default: must be a text, in one line"),
        ("settings:\n  currency: {about: x}\n", "line 2: currency: must be capitals"),
        ("settings:\n  PATH: {about: x}\n", "line 2: PATH: must be capitals"),
        ("settings:\n  MAIL_FROM: {about: x}\n", "line 2: MAIL_FROM: is a variable of the pipeline's own"),
        ("settings:\n  A_B: {about: x}\n  A_B: {about: x}\n", "line 3: A_B is there twice"),
        ("settings:\n  A_B: {about: x}\nsecrets:\n  A_B: {about: x}\n", "line 4: A_B is a setting and a secret"),
        ("roles: all\n", "line 1: must be a list of roles"),
        ("roles:\n  - roles/viewer\n", "line 2: must be {role: …, on: …}"),
        ("roles:\n  - {role: roles/a.b}\n", "line 2: a role needs role and on"),
        ("roles:\n  - {role: viewer, on: project}\n", "line 2: role: viewer is none"),
        ("roles:\n  - {role: roles/editor, on: project}\n", "line 2: role: roles/editor is a basic role"),
        (
            "roles:\n  - {role: roles/a.b, on: folder}\n",
            "line 2: on: must be project, dataset, bucket or instance, not folder",
        ),
        ("roles:\n  - {role: roles/a.b, on: dataset}\n", "line 2: a role on: dataset needs a name"),
        ("roles:\n  - {role: roles/a.b, on: project, name: p}\n", "line 2: name: the project is"),
        (
            'roles:\n  - {role: roles/a.b, on: dataset, name: a"b}\n',
            'line 2: name: a"b cannot be that of a role on: dataset',
        ),
        ("packages:\n  - sqlalchemy>=2\n", "line 2: package: sqlalchemy>=2 must be a name, or a name and a version"),
        ("pdf: yes\n", "line 1: pdf: must be true or false, not yes"),
        ("owner: team\n", "line 1: owner: team is neither an address nor one of the secrets"),
        ("choices: all\n", "line 1: must be {cadences: …, hours: …}"),
        ("choices: {cadences: [cron]}\n", "line 1: cadences: cron is none that recipients choose; there are hourly, "),
        ("choices: {hours: [24]}\n", "line 1: hours: must be whole numbers, 0 to 23, not 24"),
        ("next: 0\n", "line 1: next: must be a whole number of percent, 1 to 100, not 0"),
        ("next: 7\n", "line 1: next: there is no next version, which is a folder next beside this file"),
        ("next: [u42]\n", "line 1: must be {percent: …, for: […]}"),
        ("next: {percent: 0}\n", "line 1: next: must be a whole number of percent, 1 to 100, not 0"),
        ("next: {for: u42}\n", "line 1: must be a list of users, subscriptions and addresses"),
        ("next: {for: [[u42]]}\n", "line 1: for: must be texts: users, USER/SUBSCRIPTION, addresses"),
        ("canary: 5%\n", "line 1: next: must be a whole number"),
    ],
)
def test_a_mistake_is_one_line_with_file_and_line(folder: Path, text: str, problem: str) -> None:
    write(folder, "sales", text)
    with pytest.raises(InvalidNeeds) as error:
        needs.load(folder, reserved={"MAIL_FROM"})
    assert str(error.value).startswith(f"kinds/sales/needs.yaml, {problem}")
    assert str(error.value).isprintable()


def test_two_kinds_may_share_a_variable_if_they_mean_the_same(folder: Path) -> None:
    write(folder, "refunds", "settings:\n  SALES_CURRENCY: {default: EUR, about: What amounts are in.}\n")
    write(folder, "sales", WHOLE)
    assert needs.load(folder).keys() == {"refunds", "sales"}
    write(folder, "refunds", "settings:\n  SALES_CURRENCY: {default: USD, about: What amounts are in.}\n")
    with pytest.raises(InvalidNeeds, match=r"sales/needs\.yaml, line 2: SALES_CURRENCY: the kind refunds declares it"):
        needs.load(folder)


def test_the_values_of_a_kind(folder: Path) -> None:
    write(folder, "sales", WHOLE)
    found = needs.load(folder)
    given = {"SALES_REGION": "eu", "SALES_TEAM_WEBHOOK": "https://hooks.example", "OTHER": "x", "SALES_CURRENCY": ""}
    assert needs.values(found, given, local=True) == {
        "sales": {
            "SALES_CURRENCY": "EUR",
            "SALES_REGION": "eu",
            "SALES_DATABASE_URL": "sqlite:///sales.db",
            "SALES_TEAM_WEBHOOK": "https://hooks.example",
        }
    }
    with pytest.raises(NotSet, match=r"^SALES_DATABASE_URL: not set, and the kind sales needs it .The database.$"):
        needs.values(found, given, local=False)
    with pytest.raises(NotSet, match=r"SALES_REGION: not set.*; SALES_TEAM_WEBHOOK: not set"):
        needs.values(found, {}, local=True)


def test_recipients_may_choose_from_every_cadence_but_cron(folder: Path) -> None:
    cadences = [cadence.value for cadence in Cadence if cadence is not Cadence.CRON]
    write(folder, "sales", f"choices: {{cadences: [{', '.join(cadences)}]}}\n")
    assert needs.load(folder)["sales"].cadences == tuple(cadences)
