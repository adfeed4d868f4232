"""What a report from SQL gives programs: its figures, and the rows of its table that the email shows. Pure."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from report_kit.sql.definition import NUMBERS, Format, ReportDefinition
from report_kit.sql.results import Results
from report_kit.sql.values import Cell, cell_of


def figures(definition: ReportDefinition, results: Results, zone: ZoneInfo) -> dict[str, Any]:
    """The figures by query and column, such as `orders.count`, and each row by its columns: numbers as numbers, and
    days and moments as ISO 8601 has them.

    Args:
        definition: what the file says.
        results: of the queries.
        zone: the recipient's.

    Raises:
        PermanentError: a query fails for good, or returns something else than the file says.
        SourceUnavailable: a query fails this time.
    """
    rows: list[dict[str, Any]] = []
    if table := definition.table:
        found = results.rows(table.query)
        columns = {
            each.column.column: [
                _for_programs(cell_of(value, each.format, each.column, zone))
                for value in found.values(each.column)[: table.rows]
            ]
            for each in table.columns
        }
        rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    return {
        "figures": {
            str(each.value): _for_programs(cell_of(results.first(each.value), each.format, each.value, zone))
            for each in definition.figures
        },
        "rows": rows,
    }


def schema(definition: ReportDefinition) -> dict[str, Any]:
    """The JSON Schema of the above."""
    columns = definition.table.columns if definition.table else ()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["figures", "rows"],
        "properties": {
            "figures": {
                "type": "object",
                "properties": {str(each.value): _type(each.format) for each in definition.figures},
            },
            "rows": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {each.column.column: _type(each.format) for each in columns},
                },
            },
        },
    }


def _type(how: Format) -> Mapping[str, Any]:
    return {"type": ["number" if how.format in NUMBERS else "string", "null"]}


def _for_programs(cell: Cell) -> str | int | float | None:
    match cell:
        case Decimal():
            return int(cell) if cell == cell.to_integral_value() else float(cell)
        case date():
            return cell.isoformat()
        case _:
            return cell
