"""What a report from SQL gives programs: its figures, and the rows of its tables that the email shows. Pure."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from report_kit.sql.definition import NUMBERS, Format, ReportDefinition, Table
from report_kit.sql.results import Results
from report_kit.sql.values import Cell, cell_of


def figures(definition: ReportDefinition, results: Results, zone: ZoneInfo) -> dict[str, Any]:
    """The figures by query and column, such as `orders.count`, and the rows of each table by column: numbers as
    numbers, and days and moments as ISO 8601 has them.

    Args:
        definition: what the file says.
        results: of the queries.
        zone: the recipient's.

    Raises:
        PermanentError: a query fails for good, or returns something else than the file says.
        SourceUnavailable: a query fails this time.
    """
    return {
        "figures": {
            str(each.value): _for_programs(cell_of(results.first(each.value), each.format, each.value, zone))
            for each in definition.figures
        },
        "tables": [_rows(table, results, zone) for table in definition.tables],
    }


def _rows(table: Table, results: Results, zone: ZoneInfo) -> list[dict[str, Any]]:
    found = results.rows(table.query)
    columns = {
        each.column.column: [
            _for_programs(cell_of(value, each.format, each.column, zone))
            for value in found.values(each.column)[: table.rows]
        ]
        for each in table.columns
    }
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def schema(definition: ReportDefinition) -> dict[str, Any]:
    """The JSON Schema of the above."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "required": ["figures", "tables"],
        "properties": {
            "figures": {
                "type": "object",
                "properties": {str(each.value): _type(each.format) for each in definition.figures},
            },
            "tables": {
                "type": "array",
                "prefixItems": [
                    {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {each.column.column: _type(each.format) for each in table.columns},
                        },
                    }
                    for table in definition.tables
                ],
                "items": False,
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
