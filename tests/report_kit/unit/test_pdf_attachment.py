"""PDF documents, read back by another library."""

import io
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from gettext import NullTranslations
from typing import TYPE_CHECKING, Any

import pytest
from babel import Locale

from functions.shared.mail.brand import Brand
from report_kit.attachments import pdf_attachment as module
from report_kit.attachments.columns import AttachmentError, Column, ColumnKind
from report_kit.attachments.document import DataTable, Document
from report_kit.attachments.fonts import families, fonts
from report_kit.attachments.pdf_attachment import pdf_attachment
from report_kit.attachments.shown import shown
from report_kit.blocks import AxisLabel, Chart, Headline, LegendEntry, Tone
from report_kit.drawn_bars import draw_bars
from report_kit.language import Language, language_for
from report_kit.report import Attachment
from tests.support import REPOSITORY

if TYPE_CHECKING:
    from pypdf import PdfReader

ENGLISH, JAPANESE = language_for("en"), language_for("ja")
CHART = Chart(
    content_id="c",
    title="By hour",
    description="Most at 16:00.",
    top="50",
    axis=(AxisLabel(text="0:00", width=100),),
    legend=(LegendEntry(sign="■", text="So far", color="#2563eb"),),
)
COLUMNS = (Column("Customer"), Column("Revenue", ColumnKind.MONEY, "EUR"))


def reader_of(file: Attachment) -> "PdfReader":
    from pypdf import PdfReader

    return PdfReader(io.BytesIO(file.content))


def pages(file: Attachment) -> list[str]:
    return [page.extract_text() for page in reader_of(file).pages]


def pdf(language: Language = ENGLISH, /, **contents: Any) -> Attachment:
    return pdf_attachment("a", Document(**{"title": "T", **contents}), language=language)


def table(rows: Sequence[Sequence[Any]]) -> DataTable:
    return DataTable(title="Sales", columns=COLUMNS, rows=rows)


def test_a_document_says_what_the_report_says() -> None:
    file = pdf(
        ENGLISH,
        brand=Brand(name="Zoë & Söhne", color="#b91c1c"),
        title="Your sales",
        period="Tuesday 24 November",
        paragraphs=("Orders are up.", ""),
        headlines=(Headline(label="Orders", value="1,234", change="Up 54%", arrow="▲", tone=Tone.GOOD),),
        chart=CHART,
        picture=draw_bars([1, 2], top=2),
        tables=(table([("Ada Ltd", Decimal("-12.50")), ("株式会社サンプル", None)]),),
        footer="You get this every day.",
    )
    assert (file.filename, file.media_type) == ("a.pdf", "application/pdf")
    [page] = pages(file)
    for text in (
        *(
            "Your sales",
            "Tuesday 24 November",
            "Zoë & Söhne",
            "Orders are up.",
            "Orders",
            "1,234",
            "▲ Up 54%",
            "By hour",
        ),
        *("50", "0:00", "■ So far", "Sales", "Customer", "Revenue", "Ada Ltd", "-€12.50", "株式会社サンプル"),
        *("You get this every day.", "1 / 1"),
    ):
        assert text in page
    reader = reader_of(file)
    assert reader.metadata is not None
    assert reader.metadata.title == "Your sales"
    assert len(reader.pages[0].images) >= 1


def test_a_japanese_document() -> None:
    file = pdf(JAPANESE, title="アクティビティ", period="11月24日(火)", tables=(table([]),))
    [page] = pages(file)
    assert "アクティビティ" in page
    assert "11月24日(火)" in page
    assert str(reader_of(file).root_object["/Lang"]) == "ja"


@pytest.mark.parametrize("code", ["ar", "he", "fa"])
def test_a_language_from_right_to_left_does_not_break(code: str) -> None:
    language = Language(Locale(code), NullTranslations())
    file = pdf(language, title="שלום 2026", tables=(table([("نوع", 5)]),))
    [page] = reader_of(file).pages
    as_it_lies = page.extract_text(extraction_mode="layout")
    assert "2026" in as_it_lies
    # The first column stands on the right.
    assert as_it_lies.index("Revenue") < as_it_lies.index("Customer")


def test_no_value_becomes_markup() -> None:
    text = '#set text(red) $x$ *a* _b_ @c <d> [e](f) `g` \\ // h #import "@preview/x:0.1.0" https://example.com'
    file = pdf(ENGLISH, title=text, tables=(table([(text, 1)]),))
    [page] = pages(file)
    unbroken = " ".join(page.replace("\u200b", "").split())
    assert unbroken.count(text) == 2
    assert all("/Annots" not in each for each in reader_of(file).pages)


def test_a_long_table_repeats_its_header_and_names_what_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ROWS", 100)
    file = pdf(ENGLISH, title="T", tables=(table([(f"c{n}", n) for n in range(1_234)]),))
    texts = pages(file)
    assert len(texts) > 2
    for number, page in enumerate(texts, start=1):
        assert "Customer" in page
        assert f"{number} / {len(texts)}" in page
    assert "c99" in texts[-1]
    assert "c100" not in texts[-1]
    assert "1,134 more rows are not shown here." in texts[-1]


def test_the_same_report_makes_the_same_bytes() -> None:
    def made() -> bytes:
        return pdf(JAPANESE, title="売上", tables=(table([("Ada", 5)]),)).content

    assert made() == made()
    assert b"CreationDate" not in made()


def test_reports_are_set_at_the_same_time() -> None:
    def made(number: int) -> bytes:
        return pdf(ENGLISH, title=f"T{number % 2}", tables=(table([("Ada", 5)] * 50),)).content

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(made, range(24)))) == 2


def test_long_words_and_long_texts_stay_in_their_cell() -> None:
    file = pdf(ENGLISH, title="T", tables=(table([("x" * 5_000, 1)]),))
    [page] = pages(file)
    assert page.replace("\u200b", "").replace("\n", "").count("x") == module.LONGEST_TEXT - 1
    assert "…" in page


@pytest.mark.parametrize(("locale", "width"), [("en", 595), ("en-US", 612), ("ja", 595)])
def test_paper_is_that_of_the_country(locale: str, width: int) -> None:
    file = pdf(language_for(locale), title="T")
    assert round(reader_of(file).pages[0].mediabox.width) == width


def test_many_columns_turn_the_page() -> None:
    wide = DataTable(title="T", columns=[Column(f"C{n}") for n in range(9)], rows=[])
    box = reader_of(pdf(ENGLISH, title="T", tables=(wide,))).pages[0].mediabox
    assert box.width > box.height


def test_what_is_no_picture_is_an_error_of_the_kind() -> None:
    with pytest.raises(AttachmentError, match=r"^a\.pdf: .*image"):
        pdf(ENGLISH, title="T", chart=CHART, picture=b"GIF")
    with pytest.raises(AttachmentError, match=r"^a\.pdf, row 1: 1 values for 2 columns"):
        pdf(ENGLISH, title="T", tables=(table([["x"]]),))


@pytest.mark.parametrize(
    ("column", "value", "locale", "text"),
    [
        (Column("A"), "x", "en", "x"),
        (Column("A"), None, "en", ""),
        (Column("A", ColumnKind.INTEGER), 1234567, "en", "1,234,567"),
        (Column("A", ColumnKind.NUMBER), 0.125, "en", "0.12"),
        (Column("A", ColumnKind.NUMBER, decimals=3), 0.125, "en", "0.125"),
        (Column("A", ColumnKind.MONEY, "EUR"), 1234.5, "en", "€1,234.50"),
        (Column("A", ColumnKind.MONEY, "EUR", decimals=0), 1234.5, "en", "€1,234"),
        (Column("A", ColumnKind.MONEY, "JPY"), 1234, "ja", "￥1,234"),
        (Column("A", ColumnKind.PERCENT), 0.256, "en", "26%"),
        (Column("A", ColumnKind.PERCENT, decimals=1), 0.256, "en", "25.6%"),
        (Column("A", ColumnKind.DATE), date(2026, 11, 24), "en", "24 Nov 2026"),
        (Column("A", ColumnKind.DATE), date(2026, 11, 24), "ja", "2026年11月24日"),
        (Column("A", ColumnKind.TIME), datetime(2026, 11, 24, 13, tzinfo=UTC), "en", "24 Nov 2026, 13:00"),
    ],
)
def test_a_value_is_shown_as_the_language_writes_it(column: Column, value: Any, locale: str, text: str) -> None:
    assert shown(value, column, language_for(locale)) == text


@pytest.mark.parametrize("code", ["de", "ar", "hi", "fr"])
def test_amounts_have_the_decimals_of_their_column_in_any_language(code: str) -> None:
    language = Language(Locale(code), NullTranslations())
    assert "234" in shown(1234, Column("A", ColumnKind.MONEY, "JPY"), language)
    assert "234,50" in shown(1234.5, Column("A", ColumnKind.MONEY, "EUR"), language).replace(".50", ",50")


@pytest.mark.parametrize(
    ("locale", "family"),
    [
        ("ja", "Noto Sans CJK JP"),
        ("en", "Noto Sans CJK JP"),
        ("ko_KR", "Noto Sans CJK KR"),
        ("zh_Hans_CN", "Noto Sans CJK SC"),
        ("zh_TW", "Noto Sans CJK TC"),
        ("zh_Hant_HK", "Noto Sans CJK HK"),
    ],
)
def test_chinese_characters_have_the_forms_of_the_language(locale: str, family: str) -> None:
    assert families(Locale.parse(locale)) == ["Noto Sans", family]
    assert family in fonts().families()


@pytest.mark.starts_process
def test_the_libraries_are_imported_with_the_first_file_that_needs_them() -> None:
    program = (
        "import sys; from functions.worker import compose, send_report;"
        "before = {name.partition('.')[0] for name in sys.modules};"
        "from report_kit.attachments import csv_attachment, pdf_attachment, xlsx_attachment;"
        "after = {name.partition('.')[0] for name in sys.modules};"
        "print(before & {'babel', 'PIL', 'typst', 'xlsxwriter'}, after & {'typst', 'xlsxwriter', 'manimgx_fonts'})"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == "set() set()\n"
