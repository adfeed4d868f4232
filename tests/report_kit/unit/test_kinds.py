"""Which kinds of report there are."""

from pathlib import Path

import pytest

from report_kit import pdf_need
from report_kit.kinds import find, kinds, sample
from report_kit.report import PermanentError
from report_kit.sample_amount import SampleAmount
from report_kit.trial import try_kind
from tests.functions.worker.unit.samples import PERIOD
from tests.kinds_elsewhere import kinds_in


def test_a_kind_is_a_folder() -> None:
    assert {"activity", "usage"} <= set(kinds())
    for kind in kinds():
        assert callable(find(kind))


@pytest.mark.parametrize(
    "kind", ["horoscope", "report", "user_data", "layout", "locales", "sql", "attachments", "activity.texts", ""]
)
def test_another_kind_is_refused_with_those_that_exist(kind: str) -> None:
    with pytest.raises(PermanentError, match=f"^kind: there is no kind .* but {', '.join(kinds())}$"):
        find(kind)


def test_a_sample_that_cannot_be_imported_is_not_taken_for_one_that_is_not_there(tmp_path: Path) -> None:
    kind = tmp_path / "sampled"
    kind.mkdir()
    (kind / "__init__.py").write_text("def build(_request):\n    return None\n")
    with kinds_in(tmp_path):
        with pytest.raises(PermanentError, match=r"^the kind sampled has no sample\.py$"):
            sample("sampled", PERIOD)
        (kind / "sample.py").write_text("import missing_here\n")
        with pytest.raises(ModuleNotFoundError, match="missing_here"):
            sample("sampled", PERIOD)


PRINTING = """
from report_kit import Document, Report, pdf_attachment

def build(request):
    document = Document(brand=request.brand, title="Sales")
    file = pdf_attachment("sales", document, language=request.language)
    raise ValueError(file.filename)
"""


def test_a_kind_that_makes_a_document_says_so(tmp_path: Path) -> None:
    kind = tmp_path / "printing"
    kind.mkdir()
    (kind / "__init__.py").write_text(PRINTING)
    with kinds_in(tmp_path):
        with pytest.raises(PermanentError, match=r"^the kind printing makes a PDF document: write `pdf: true` into"):
            try_kind("printing", {}, PERIOD)
        (kind / "needs.yaml").write_text("pdf: true\n")
        pdf_need.says_pdf.cache_clear()
        with pytest.raises(ValueError, match=r"^sales\.pdf$"):
            try_kind("printing", {}, PERIOD)


ASKING = """
from report_kit import Report, Skip

def build(request):
    return Skip(str(request.ask(fetch, {"user": request.user.id})))

def fetch(settings, asked):
    raise AssertionError("a sample asks no service")
"""
ANSWERING = """
def answers(period, amount):
    return lambda settings, asked: f"{settings['SHOP_URL']} {asked['user']} {period.start:%d} {amount}"
"""


def test_a_sample_answers_for_the_service_that_a_kind_asks(tmp_path: Path) -> None:
    kind = tmp_path / "asking"
    kind.mkdir()
    (kind / "__init__.py").write_text(ASKING)
    (kind / "sample.py").write_text(ANSWERING)
    (kind / "needs.yaml").write_text("settings:\n  SHOP_URL: {about: Of the shop., default: https://shop.example}\n")
    with kinds_in(tmp_path):
        made = try_kind("asking", sample("asking", PERIOD, SampleAmount.LITTLE), PERIOD)
        assert made.skip == "https://shop.example u1 23 little"
        with pytest.raises(PermanentError, match=r"^request\.ask: there is no service here, and sample\.py has no"):
            try_kind("asking", {}, PERIOD)
