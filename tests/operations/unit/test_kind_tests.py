"""`reports test`, in the project of a team: what it says of kinds that are broken in one way each."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.forked_python import run_python
from tests.support import REPOSITORY

pytestmark = pytest.mark.starts_process

TEA = {
    "__init__.py": '''"""How much tea there was."""

from pathlib import Path

from report_kit import Attachment, Report, ReportRequest, Skip, bar_chart

FOLDER = Path(__file__).parent


def build(request: ReportRequest) -> Report | Skip:
    language = request.language
    _ = language.gettext
    cups = list(request.data.documents("cups", limit=100))
    if not cups and request.skip_empty:
        return Skip("no tea")
    _chart, picture = bar_chart(
        "cups", [1, 2], ["a", "b"], title="Cups", description="Two bars", write=str, language=language, color="#222222"
    )
    return Report(
        subject=_("Tea"),
        templates=FOLDER,
        values={"cups": f"{language.money(len(cups), 'EUR')} & more", "title": _("Tea"), "said": _("Cups of tea")},
        images=[picture],
        attachments=[Attachment(filename="tea.csv", content=b"cups", media_type="text/csv")],
    )
''',
    "sample.py": """from report_kit import Documents, Period, SampleAmount


def documents(period: Period, amount: SampleAmount) -> Documents:
    return {"cups": {} if amount is SampleAmount.NOTHING else {"c1": {}}}
""",
    "report.mjml": """<mjml lang="{{ language.tag }}">
<mj-head><mj-title>{{ title }}</mj-title></mj-head>
<mj-body>
  <mj-section>
    <mj-column>
      <mj-text><p class="value">{{ cups }}</p>{{ said }}</mj-text>
      <mj-image src="cid:cups" alt="{{ said }}" />
    </mj-column>
  </mj-section>
</mj-body>
</mjml>
""",
    "report.txt": "{{ said }}: {{ cups }}\n",
    "locales/de.po": """msgid ""
msgstr "Language: de\\nContent-Type: text/plain; charset=utf-8\\n"

msgid "Tea"
msgstr "Tee"

msgid "Cups of tea"
msgstr "Tassen Tee"
""",
}
BUILD = "    return Report(\n"
"""Before this line, the 19th, a kind does what it must not."""
_PDF = """\
    from report_kit import Document, pdf_attachment
    pdf_attachment("tea", Document(brand=request.brand, title="Tea"), language=language)
"""

BROKEN: Mapping[str, tuple[str, str, str | None, str]] = {
    "silent": ("report.mjml", ' alt="{{ said }}"', "", "emails: every email: 1 picture has no attribute alt. Say what"),
    "blank": (
        "report.mjml",
        '"{{ said }}"',
        '""',
        "emails: every email: The picture cups has no alternative text. Say",
    ),
    "large": (
        *("report.mjml", "{{ said }}</mj-text>", '{{ said * (9_000 if language.tag == "de" else 1) }}</mj-text>'),
        "emails: de: The HTML has more than 90 kB: Gmail would cut off its end",
    ),
    "mute": ("report.txt", "{{ said }}: {{ cups }}", "", "emails: every email: There is no text part. Add one"),
    "partless": (
        "report.txt",
        "",
        None,
        "emails: every email: there is no report.txt in kinds/partless or report_kit/",
    ),
    "vague": (
        "report.txt",
        "{{ cups }}",
        "many",
        "emails: every email: The text part lacks a figure of the HTML part.",
    ),
    "foreign": ("report.mjml", "{{ language.tag }}", "en", 'emails: de, ja: The HTML part says lang="en". Write <mjml'),
    "half": (
        *("locales/de.po", 'msgid "Cups of tea"\nmsgstr "Tassen Tee"\n', ""),
        "words: kinds/half/locales/de.po: does not have 'Cups of tea'. `reports catalogs` adds it; then translate it.",
    ),
    "untold": (
        "locales/de.po",
        '"Tassen Tee"',
        '""',
        "words: kinds/untold/locales/de.po: says nothing for 'Cups of tea'.",
    ),
    "writer": (
        *("__init__.py", BUILD, '    try:\n        (FOLDER / "seen").touch()\n    except Exception:\n        pass\n'),
        "emails: every email: kinds/writer/__init__.py:20: writes kinds/writer/seen. A report decides, and",
    ),
    "storer": (
        *("__init__.py", BUILD, '    request.firestore.document("a/b").set({})\n'),
        "emails: every email: request.firestore: there is no Firestore here",
    ),
    "asker": (
        *("__init__.py", BUILD, '    __import__("socket").create_connection(("192.0.2.1", 80))\n'),
        "emails: every email: kinds/asker/__init__.py:19: asks '192.0.2.1'. Let `sample.py` give all",
    ),
    "starter": (
        *("__init__.py", BUILD, '    __import__("os").system("true")\n'),
        "emails: every email: kinds/starter/__init__.py:19: starts a process.",
    ),
    "setless": (
        *("__init__.py", BUILD, '    request.cadence == "weekly" and request.setting("TEA_LEAF")\n'),
        "emails: weekly with a brand: request.setting: needs.yaml declares no TEA_LEAF, but nothing",
    ),
    "packless": (
        *("__init__.py", BUILD, "    import sqlalchemy\n"),
        "needs: kinds/packless/__init__.py:19: imports sqlalchemy. Add SQLAlchemy to the `packages` of needs.yaml",
    ),
    "paperless": (
        *("__init__.py", BUILD, _PDF),
        "emails: every email: the kind paperless makes a PDF document: write `pdf: true` into "
        "kinds/paperless/needs.yaml, and run ./reports lock",
    ),
    "inside": (
        *("__init__.py", BUILD, "    from report_kit.rendering import render\n"),
        "needs: kinds/inside/__init__.py:19: imports report_kit.rendering. That may change with any version",
    ),
    "slow": (
        *("__init__.py", BUILD, '    __import__("time").sleep(600)\n'),
        "emails: much; en; daily without a brand: kinds/slow/__init__.py:19: TookTooLong: takes longer than 10 seconds",
    ),
    "empty": ("__init__.py", 'b"cups"', 'b""', "emails: every email: the attachment 'tea.csv' is empty"),
    "disguised": (
        *("__init__.py", "text/csv", "application/pdf"),
        "emails: every email: The attachment tea.csv has the media type application/pdf. Make the two agree.",
    ),
    "unwilling": (
        *("__init__.py", " and request.skip_empty", ""),
        "emails: nothing: There is no email, although the subscription has `skip_empty: false`.",
    ),
    "unreadable": (
        *("__init__.py", "def build(", "def build(("),
        "emails: every email: kinds/unreadable/__init__.py:10: SyntaxError: ",
    ),
}


def write_kind(project: Path, kind: str) -> Path:
    folder = project / "kinds" / kind
    for name, text in TEA.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def reports_test(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": f"{project}{os.pathsep}{REPOSITORY}"}
    return run_python("-m", "operations", "test", *arguments, directory=project, environment=environment)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a team, with kinds, and nothing of the pipeline's."""
    project = tmp_path_factory.mktemp("project")
    tea = write_kind(project, "tea")
    shutil.copytree(tea, tea / "next")
    (project / "kinds" / "__init__.py").touch()
    return project


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What is wrong, by kind: the test that fails, and what it says."""
    project = tmp_path_factory.mktemp("broken")
    for kind, (name, old, new, _) in BROKEN.items():
        file = write_kind(project, kind) / name
        text = file.read_text()
        assert old in text
        if new is None:
            file.unlink()
        else:
            file.write_text(text.replace(old, new + old if old == BUILD else new))
    (project / "kinds" / "__init__.py").touch()
    done = reports_test(project)
    assert done.returncode == 1, done.stdout + done.stderr
    found = re.findall(r"^_+ kinds/(\w+)::(\w+) _+\n(.*?)\n(?=[_=]{5})", done.stdout, re.DOTALL | re.MULTILINE)
    assert len(found) == len(BROKEN), done.stdout
    return {kind: f"{test}: {text}" for kind, test, text in found}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_broken_is_said_with_language_and_amount(said: dict[str, str], kind: str) -> None:
    assert said[kind].startswith(BROKEN[kind][-1])
    assert "\n" not in said[kind]


def test_a_kind_that_holds_the_contract_passes_with_the_teams_own_tests(project: Path) -> None:
    (project / "kinds" / "tea" / "test_tea.py").write_text("def test_own() -> None:\n    pass\n")
    (project / "tests").mkdir()
    (project / "tests" / "test_all.py").write_text("def test_all() -> None:\n    pass\n")
    before = set(project.rglob("*"))
    done = reports_test(project)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "5 passed" in done.stdout
    assert "4 passed" in reports_test(project, "tea").stdout
    assert {each for each in project.rglob("*") if "__pycache__" not in each.parts} == before


def test_a_kind_without_a_sample_is_said_to_be_untried(project: Path) -> None:
    (write_kind(project, "bare") / "sample.py").unlink()
    done = reports_test(project, "bare")
    assert done.returncode == 0
    assert "without a sample.py no email of this kind can be tried" in done.stdout


def test_what_goes_with_a_later_version_is_said(project: Path) -> None:
    kind = write_kind(project, "old")
    shutil.copytree(project / "kinds" / "tea", kind / "next")
    (kind / "needs.yaml").write_text("canary: 5\n")
    done = reports_test(project, "old")
    assert done.returncode == 0
    warning = "DeprecationWarning: kinds/old/needs.yaml, line 1: canary is called next, and goes with version 0.3.0"
    assert warning in done.stdout


def test_a_kind_that_there_is_none_of_is_refused_with_those_that_exist(project: Path) -> None:
    done = reports_test(project, "coffee")
    assert done.returncode == 2
    assert "there is no kind coffee, but " in done.stderr
