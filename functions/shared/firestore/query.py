"""Which documents to read, as a value."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self

from google.cloud.firestore_v1.field_path import FieldPath
from google.cloud.firestore_v1.types import StructuredQuery

from functions.shared.firestore.field_path import NAME
from functions.shared.firestore.found_document import FoundDocument
from functions.shared.firestore.values import set_value

Filter = tuple[str, str, Any]
"""The path of a field, an operator, and a value: of `__name__` the path of a document."""

_OPERATORS = {
    "==": StructuredQuery.FieldFilter.Operator.EQUAL,
    "<": StructuredQuery.FieldFilter.Operator.LESS_THAN,
    "<=": StructuredQuery.FieldFilter.Operator.LESS_THAN_OR_EQUAL,
    ">": StructuredQuery.FieldFilter.Operator.GREATER_THAN,
    ">=": StructuredQuery.FieldFilter.Operator.GREATER_THAN_OR_EQUAL,
    "in": StructuredQuery.FieldFilter.Operator.IN,
    "not-in": StructuredQuery.FieldFilter.Operator.NOT_IN,
}
_INEQUALITIES = {"<", "<=", ">", ">=", "not-in"}
_AND, _OR = StructuredQuery.CompositeFilter.Operator.AND, StructuredQuery.CompositeFilter.Operator.OR
_ASCENDING, _DESCENDING = StructuredQuery.Direction.ASCENDING, StructuredQuery.Direction.DESCENDING


class Cursor(NamedTuple):
    """A place in the order of a query: values of its first fields, and whether the place is before what has them."""

    values: tuple[Any, ...]
    before: bool


class Query(NamedTuple):
    """Documents of a collection, of all collections of one id, or all that are below a document.

    Each method returns another query. Fields are named by paths, such as `payload.user_id`.

    Attributes:
        parent: the path of the document that the collection is below; empty for the root.
        collection: its id; empty for every one below the parent.
        is_deep: whether collections further below the parent are meant, too.
        filters: groups of filters. A document must match each group, and matches one by any of its filters.
        orders: the fields by which to order, and whether that descends.
        start: where to begin; None for the first document.
        end: where to end; None for the last one.
        most: how many documents at most; None for all.
        mask: the fields to read, beside those of the orders; None for all.
    """

    parent: str
    collection: str
    is_deep: bool = False
    filters: tuple[tuple[Filter, ...], ...] = ()
    orders: tuple[tuple[str, bool], ...] = ()
    start: Cursor | None = None
    end: Cursor | None = None
    most: int | None = None
    mask: tuple[str, ...] | None = None

    @classmethod
    def of(cls, collection: str) -> "Query":
        """The documents of a collection.

        Args:
            collection: its path.
        """
        parent, _, last = collection.rpartition("/")
        return cls(parent, last)

    @classmethod
    def of_group(cls, collection: str) -> "Query":
        """The documents of all collections of an id."""
        return cls("", collection, is_deep=True)

    @classmethod
    def below(cls, document: str) -> "Query":
        """All documents below one, at any depth.

        Args:
            document: its path.
        """
        return cls(document, "", is_deep=True)

    @property
    def path(self) -> str:
        """The path of the collection."""
        return f"{self.parent}/{self.collection}" if self.parent else self.collection

    def where(self, field: str, operator: str, value: Any) -> Self:
        """Those for which this holds, too: `==` (also of None), `<`, `<=`, `>`, `>=`, `in` a list, or `not-in`
        a list of ten at most."""
        return self.where_any((field, operator, value))

    def where_any(self, *filters: Filter) -> Self:
        """Those for which one of these holds, too."""
        return self._replace(filters=(*self.filters, filters))

    def order_by(self, field: str, *, descending: bool = False) -> Self:
        """In the order of a field, after the orders that there are."""
        return self._replace(orders=(*self.orders, (field, descending)))

    def start_at(self, *values: Any) -> Self:
        """Beginning with the place that has these values of the fields of the order."""
        return self._replace(start=Cursor(values, before=True))

    def start_after(self, *values: Any) -> Self:
        """Beginning behind that place."""
        return self._replace(start=Cursor(values, before=False))

    def end_at(self, *values: Any) -> Self:
        """Ending with the place that has these values."""
        return self._replace(end=Cursor(values, before=False))

    def end_before(self, *values: Any) -> Self:
        """Ending before that place."""
        return self._replace(end=Cursor(values, before=True))

    def limit(self, most: int | None) -> Self:
        """At most so many; None for all."""
        return self._replace(most=most)

    def select(self, fields: Sequence[str]) -> Self:
        """Reading these fields, and those of the order, and no others."""
        return self._replace(mask=tuple(fields))

    def behind(self, found: FoundDocument) -> Self:
        """Beginning behind a document that the query finds."""
        return self.behind_place(self.place_of(found))

    def place_of(self, found: FoundDocument) -> tuple[Any, ...]:
        """The place of a document that the query finds: its values of the whole order, with its path among them."""
        return tuple(found.path if field == NAME else _nested(found.fields, field) for field, _ in self.whole_order())

    def behind_place(self, place: tuple[Any, ...]) -> Self:
        """Beginning behind a place, whether or not there still is a document."""
        return self._replace(orders=self.whole_order(), start=Cursor(place, before=False))

    def whole_order(self) -> tuple[tuple[str, bool], ...]:
        """With what the service adds by itself."""
        descending = self.orders[-1][1] if self.orders else False
        inequalities = {field for each in self.filters for field, operator, _ in each if operator in _INEQUALITIES}
        added = [*sorted(inequalities - {NAME}), NAME]
        return (*self.orders, *((field, descending) for field in added if field not in dict(self.orders)))

    def to_message(self, root: str) -> Any:
        """As google.firestore.v1.StructuredQuery.

        Args:
            root: the beginning of all names in the database.
        """
        message = StructuredQuery.pb()()
        message.from_.add(collection_id=self.collection, all_descendants=self.is_deep)
        if self.mask is not None:
            # With those of the order a stream that breaks off can go on.
            fields = dict.fromkeys((*self.mask, *dict(self.whole_order())))
            for field in [each for each in fields if each != NAME] or [NAME]:
                message.select.fields.add(field_path=field)
        groups = [[_filter(each, root) for each in group] for group in self.filters]
        both = [each[0] if len(each) == 1 else _composite(_OR, each) for each in groups]
        if both:
            message.where.CopyFrom(both[0] if len(both) == 1 else _composite(_AND, both))
        for field, descending in self.orders:
            order = message.order_by.add(direction=_DESCENDING if descending else _ASCENDING)
            order.field.field_path = field
        for name, cursor in (("start_at", self.start), ("end_at", self.end)):
            if cursor is not None:
                target = getattr(message, name)
                target.before = cursor.before
                for (field, _), value in zip(self.orders, cursor.values, strict=False):
                    _set_operand(target.values.add(), field, value, root)
        if self.most is not None:
            message.limit.value = self.most
        return message


def _filter(each: Filter, root: str) -> Any:
    field, operator, value = each
    message = StructuredQuery.Filter.pb()()
    if value is None:
        message.unary_filter.op = StructuredQuery.UnaryFilter.Operator.IS_NULL
        message.unary_filter.field.field_path = field
    else:
        message.field_filter.op = _OPERATORS[operator]
        message.field_filter.field.field_path = field
        _set_operand(message.field_filter.value, field, value, root)
    return message


def _composite(operator: Any, filters: Sequence[Any]) -> Any:
    message = StructuredQuery.Filter.pb()()
    message.composite_filter.op = operator
    message.composite_filter.filters.extend(filters)
    return message


def _set_operand(target: Any, field: str, value: Any, root: str) -> None:
    if field == NAME and isinstance(value, list):
        target.array_value.SetInParent()
        for each in value:
            _set_operand(target.array_value.values.add(), field, each, root)
    elif field == NAME:
        target.reference_value = f"{root}{value}"
    else:
        set_value(target, value, root)


def _nested(fields: Any, path: str) -> Any:
    for name in FieldPath.from_api_repr(path).parts:
        fields = fields[name]
    return fields
