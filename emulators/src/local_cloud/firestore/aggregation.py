"""Aggregations over the results of a query: count, sum and average.

https://firebase.google.com/docs/firestore/query-data/aggregation-queries
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from local_cloud.firestore import fields
from local_cloud.firestore.errors import invalid_argument
from local_cloud.firestore.execution import Execution, Result
from local_cloud.firestore.messages import Message, Value
from local_cloud.firestore.paths import MAX_FIELD_NAME_BYTES, FieldPath, is_reserved, parse_field_path

MAX_AGGREGATIONS = 5
_INT64_MIN = -(2**63)
_INT64_MAX = 2**63 - 1


@dataclass(slots=True)
class Aggregation:
    """One aggregation and what it has seen so far.

    Attributes:
        alias: the name of its result.
        kind: `count`, `sum` or `avg`.
        path: the field that is summed or averaged.
        up_to: count no further, None: all.
    """

    alias: str
    kind: str
    path: FieldPath = ()
    up_to: int | None = None
    counted: int = 0
    integers: int = 0
    doubles: float = 0.0
    has_double: bool = False

    def take(self, document: Message | None) -> None:
        """One more result of the query; a count needs no document."""
        if self.kind == "count":
            self.counted += 1
            return
        value = None if document is None else fields.get(document.fields, self.path)
        kind = None if value is None else value.WhichOneof("value_type")
        if value is None or kind not in {"integer_value", "double_value"}:
            return
        self.counted += 1
        if kind == "integer_value":
            self.integers += value.integer_value
        else:
            self.has_double = True
            self.doubles += value.double_value

    def result(self) -> Message:
        """The `Value` of the results so far. A sum of integers that leaves 64 bits becomes a double."""
        if self.kind == "count":
            counted = self.counted if self.up_to is None else min(self.counted, self.up_to)
            return Value(integer_value=counted)
        if self.kind == "sum":
            if not self.has_double and _INT64_MIN <= self.integers <= _INT64_MAX:
                return Value(integer_value=self.integers)
            return Value(double_value=self.integers + self.doubles)
        if not self.counted:
            return Value(null_value=0)
        return Value(double_value=(self.integers + self.doubles) / self.counted)


def parse(query: Message) -> list[Aggregation]:
    """The aggregations of a `StructuredAggregationQuery`.

    Raises:
        RpcError: INVALID_ARGUMENT, there are none, too many, or two of one name.
    """
    if not query.aggregations:
        raise invalid_argument("Aggregations can not be empty.")
    if len(query.aggregations) > MAX_AGGREGATIONS:
        raise invalid_argument(f"The maximum number of aggregations allowed in a query is {MAX_AGGREGATIONS}.")
    parsed: list[Aggregation] = []
    unnamed = 0
    for aggregation in query.aggregations:
        kind = aggregation.WhichOneof("operator")
        alias = aggregation.alias
        if not alias:
            unnamed += 1
            alias = f"field_{unnamed}"
        _check_alias(alias)
        if any(other.alias == alias for other in parsed):
            raise invalid_argument(f"Aggregation aliases contain duplicate alias: {alias}")
        if kind == "count":
            up_to = aggregation.count.up_to.value if aggregation.count.HasField("up_to") else None
            if up_to is not None and up_to <= 0:
                raise invalid_argument("count.up_to must be greater than zero.")
            parsed.append(Aggregation(alias, kind, up_to=up_to))
        elif kind in {"sum", "avg"}:
            parsed.append(Aggregation(alias, kind, parse_field_path(getattr(aggregation, kind).field.field_path)))
        else:
            raise invalid_argument(f"Aggregation {alias} has no operator.")
    return parsed


def _check_alias(alias: str) -> None:
    """Refuse the name of a result that no field can have."""
    if is_reserved(alias):
        raise invalid_argument(f'Aggregation alias "{alias}" is reserved.')
    if len(alias.encode()) > MAX_FIELD_NAME_BYTES:
        raise invalid_argument(f"An aggregation alias is longer than {MAX_FIELD_NAME_BYTES} bytes.")


async def run(aggregations: list[Aggregation], execution: Execution) -> None:
    """Pass all results of a query to the aggregations. Count by the indexes alone if they have the number."""
    if all(aggregation.kind == "count" for aggregation in aggregations):
        counted = execution.count_by_index()
        if counted is not None:
            for aggregation in aggregations:
                aggregation.counted = counted
            return
    needs_document = any(aggregation.kind != "count" for aggregation in aggregations)
    enough = _enough(aggregations)
    seen = 0
    results: AsyncIterator[Result] = execution.results()
    async for result in results:
        document: Any = None
        if needs_document:
            document = result.document if result.document is not None else result.version.document()
        for aggregation in aggregations:
            aggregation.take(document)
        seen += 1
        if seen == enough:
            return


def _enough(aggregations: list[Aggregation]) -> int | None:
    """The number of results after which the aggregations no longer change; None if there is no such number."""
    most = 0
    for aggregation in aggregations:
        if aggregation.up_to is None:
            return None
        most = max(most, aggregation.up_to)
    return most
