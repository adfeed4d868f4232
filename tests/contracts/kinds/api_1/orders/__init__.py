"""A kind as a team writes it for version 1 of the kit: what it imports, calls and names goes on working."""

from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

from report_kit import (
    API,
    LARGEST_AMOUNT,
    SMALLEST_ALLOWED,
    Attachment,
    Cadence,
    Chart,
    Collections,
    Column,
    ColumnKind,
    DataTable,
    Document,
    Entry,
    Figure,
    Headline,
    InlineImage,
    Language,
    NoIndex,
    Period,
    PermanentError,
    Report,
    ReportRequest,
    Schedule,
    Skip,
    StoredFigures,
    Table,
    TableRow,
    Tone,
    Total,
    User,
    UserData,
    Words,
    bar_chart,
    change_share,
    compared,
    csv_attachment,
    dated,
    display_name,
    files_of,
    footer,
    greeting,
    how_often,
    pdf_attachment,
    period_before,
    period_name,
    read_formats,
    sanitize,
    starts_of_days,
    usable_amount,
    xlsx_attachment,
)

TEMPLATES = Path(__file__).parent / "templates"
ORDERS = Collections(
    entries="orders", figures="order_figures", since="order_figures_since", select=("at", "product", "total")
)


def build(request: ReportRequest) -> Report | Skip:
    """Build a user's report on orders."""
    if request.options.get("refuse"):
        raise PermanentError("refused, as the option says")
    user, language, period = request.user, request.language, request.period
    if request.options.get("ask") and request.ask(_refunds, {"user": user.id}) != {"refunds": 2}:
        raise PermanentError("the service has answered something else")
    entries = _entries(StoredFigures(request.data, user, ORDERS), period)
    if not entries and request.skip_empty:
        return Skip("no orders")
    amounts = [usable_amount(fields.get("total")) or 0.0 for _id, fields in entries]
    columns, rows = _columns(language, request.setting("ORDERS_CURRENCY")), _rows(entries, amounts)
    words = _words(request, len(entries))
    headline = compared(
        language.gettext("Orders"),
        len(entries),
        _total(request.data, request.previous_period).count,
        write=language.number,
        before=period_before(request.cadence if request.is_regular else None, language),
        language=language,
        more_is=Tone.GOOD,
    )
    chart, image = _chart(amounts, period, request.time_zone, language, request.brand.graphic_color)
    document = Document(
        brand=request.brand,
        title=words.title,
        period=words.period,
        headlines=(headline, Headline(label="API", value=str(API))),
        chart=chart,
        picture=image.content,
        tables=(DataTable(title=words.title, columns=columns, rows=rows),),
        footer=words.footer,
    )
    formats, _is_usable = read_formats(request.options.get("attach"))
    name = dated("orders", period, request.time_zone)
    return Report(
        subject=words.subject,
        templates=TEMPLATES,
        values={**vars(words), "headlines": [headline], "chart": chart, "table": _table(rows, language)},
        images=[image],
        attachments=[
            *files_of(document, formats, filename=name, language=language),
            *_more_files(request, document, columns, rows, language),
        ],
        url="https://app.example.com/orders",
    )


def _refunds(settings: Mapping[str, str], asked: Mapping[str, str]) -> Mapping[str, int]:
    raise ConnectionError(f"no sample asks {settings['ORDERS_KEY']} for {asked['user']}")


def _entries(stored: StoredFigures, period: Period) -> list[Entry]:
    entries = list(stored.entries(period, limit=100))
    figures = [each for each in stored.read((period,), edges=[], limit=100) if isinstance(each, Figure)]
    # Orders that are added up count one by one.
    added_up = [(figure.name, {"at": figure.at, "product": figure.name, "total": figure.sum}) for figure in figures]
    return [*entries, *added_up]


def _total(data: UserData, period: Period) -> Total:
    try:
        return data.total("orders", field="at", start=period.start, end=period.end, amount=("total", LARGEST_AMOUNT))
    except NoIndex:
        return Total(0)


def _columns(language: Language, currency: str) -> list[Column]:
    return [
        Column(language.gettext("Product")),
        Column(language.gettext("Time"), ColumnKind.TIME),
        Column(language.gettext("Amount"), ColumnKind.MONEY, currency),
    ]


def _rows(entries: list[Entry], amounts: list[float]) -> list[list[object]]:
    products = [sanitize(str(fields.get("product") or ""), 60) for _id, fields in entries]
    return [
        [product, fields["at"], amount]
        for product, (_id, fields), amount in zip(products, entries, amounts, strict=True)
    ]


def _words(request: ReportRequest, orders: int) -> Words:
    language = request.language
    name = period_name(request.period, request.time_zone, language)
    subject = language.ngettext("{number} order: {period}", "{number} orders: {period}", orders)
    return Words(
        subject=subject.format(number=language.number(orders), period=name),
        preview=how_often(request.cadence, language),
        greeting=greeting(display_name(request.user.name), language),
        title=language.gettext("Your orders"),
        period=name,
        summary="",
        nothing="" if orders else language.gettext("No orders."),
        note="",
        footer=footer(_due(request.user, request.schedule, language), request, language),
    )


def _due(user: User, schedule: Schedule, language: Language) -> str:
    is_daily = schedule.cadence is Cadence.DAILY
    return language.gettext("For {user}, day by day.").format(user=user.id) if is_daily else ""


def _chart(
    amounts: list[float], period: Period, zone: ZoneInfo, language: Language, color: str
) -> tuple[Chart, InlineImage]:
    labels = [language.axis_day(day.astimezone(zone).date()) for day in starts_of_days(period, zone)]
    values = [*amounts, SMALLEST_ALLOWED][: len(labels)]
    return bar_chart(
        "orders-chart",
        values,
        labels[: len(values)],
        title=language.gettext("Your orders"),
        description=language.gettext("Your orders"),
        write=language.number,
        language=language,
        color=color,
    )


def _table(rows: list[list[object]], language: Language) -> Table | None:
    if not rows:
        return None
    share = change_share(len(rows), 1, language.number) or 0.0
    return Table(
        title=language.gettext("Your orders"),
        columns=[language.gettext("Product"), language.gettext("Amount")],
        rows=[TableRow(cells=[str(row[0]), str(row[2])], share=round(100 / len(rows))) for row in rows],
        more=language.percent(share),
    )


def _more_files(
    request: ReportRequest, document: Document, columns: list[Column], rows: list[list[object]], language: Language
) -> list[Attachment]:
    if not request.options.get("more_files"):
        return []
    return [
        csv_attachment("more", columns, rows),
        xlsx_attachment("more", columns, rows, language=language, sheet=document.title),
        pdf_attachment("more", document, language=language),
        Attachment(filename="more.txt", content=b"more", media_type="text/plain"),
    ]
