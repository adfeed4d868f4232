"""What Firestore refuses in a query, whatever indexes there are.

The rules and limits are those of https://firebase.google.com/docs/firestore/query-data/queries#query_limitations and
https://firebase.google.com/docs/firestore/query-data/multiple-range-fields#limitations.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from local_cloud.firestore.errors import invalid_argument
from local_cloud.firestore.messages import Message, StructuredQuery
from local_cloud.firestore.paths import NAME, FieldPath, format_field_path, parse_field_path

MAX_DISJUNCTIONS = 30
MAX_NOT_IN = 10
MAX_INEQUALITY_FIELDS = 10
MAX_COMPONENTS = 100
"""Filters of all disjunctions, sort orders, and one for a parent document."""

_Op = StructuredQuery.FieldFilter
_Unary = StructuredQuery.UnaryFilter
_RANGES = frozenset({_Op.LESS_THAN, _Op.LESS_THAN_OR_EQUAL, _Op.GREATER_THAN, _Op.GREATER_THAN_OR_EQUAL})
_NEGATIONS = frozenset({_Op.NOT_EQUAL, _Op.NOT_IN})
_UNARY_NEGATIONS = frozenset({_Unary.IS_NOT_NULL, _Unary.IS_NOT_NAN})
_LISTS = {_Op.IN: MAX_DISJUNCTIONS, _Op.ARRAY_CONTAINS_ANY: MAX_DISJUNCTIONS, _Op.NOT_IN: MAX_NOT_IN}
_MEMBERSHIP = frozenset({_Op.ARRAY_CONTAINS, _Op.ARRAY_CONTAINS_ANY})

INEQUALITIES = _RANGES | _NEGATIONS
"""The operators of field filters by which Firestore orders results where the query does not."""


@dataclass(frozen=True, slots=True)
class _Size:
    """What becomes of a filter in disjunctive normal form, `in` and `array-contains-any` taken apart.

    Attributes:
        disjunctions: how many there are.
        filters: how many filters all of them have together.
        memberships: the most `array-contains` and `array-contains-any` that one of them has.
    """

    disjunctions: int
    filters: int
    memberships: int


@dataclass(frozen=True, slots=True)
class CheckedFilter:
    """A filter whose parts Firestore takes together.

    Attributes:
        count: how many filters it is in disjunctive normal form.
        paths: the fields of its parts.
        unequal: those with an inequality, each once.
    """

    count: int = 0
    paths: tuple[FieldPath, ...] = ()
    unequal: tuple[FieldPath, ...] = ()


NO_FILTER = CheckedFilter()


def check_filter(where: Message) -> CheckedFilter:
    """Refuse a filter whose parts Firestore does not take together.

    Raises:
        RpcError: INVALID_ARGUMENT, naming the rule.
    """
    atoms = list(_atoms(where))
    paths = tuple(map(_path, atoms))
    operators = [each.op for each in atoms if _is_field_filter(each)]
    negations = [each for each in atoms if each.op in (_NEGATIONS if _is_field_filter(each) else _UNARY_NEGATIONS)]
    if len(negations) > 1:
        raise invalid_argument(
            "Only a single 'NOT_EQUAL', 'NOT_IN', 'IS_NOT_NAN', or 'IS_NOT_NULL' filter allowed per query."
        )
    if _Op.NOT_IN in operators and (
        _Op.IN in operators or _Op.ARRAY_CONTAINS_ANY in operators or _has_disjunction(where)
    ):
        raise invalid_argument("'NOT_IN' cannot be used in the same query with 'IN', 'ARRAY_CONTAINS_ANY' or 'OR'.")
    for each in atoms:
        if _is_field_filter(each) and each.op in _LISTS:
            _check_list(each)
    size = _size(where)
    if size.disjunctions > MAX_DISJUNCTIONS:
        raise invalid_argument(
            f"Too many disjunctions after normalization. Result had {size.disjunctions} disjunctions which is more "
            f"than the maximum of {MAX_DISJUNCTIONS}"
        )
    if size.memberships > 1:
        raise invalid_argument("A maximum of 1 'ARRAY_CONTAINS' filter is allowed per disjunction.")
    unequal = tuple(dict.fromkeys(path for path, each in zip(paths, atoms, strict=True) if _is_inequality(each)))
    if len(unequal) > MAX_INEQUALITY_FIELDS:
        listed = ", ".join(map(format_field_path, unequal))
        raise invalid_argument(
            f"The query contains {len(unequal)} distinct inequality fields: [{listed}]. A query may not have more than "
            f"{MAX_INEQUALITY_FIELDS} distinct inequality fields."
        )
    names_one = any(_is_field_filter(each) and each.op in {_Op.EQUAL, _Op.IN} and _path(each) == NAME for each in atoms)
    if names_one and unequal and NAME not in unequal:
        raise invalid_argument(
            "Equality on key is not allowed if there are other inequality fields and key does not appear in "
            "inequalities."
        )
    return CheckedFilter(size.filters, paths, unequal)


def check_whole(query: Message, where: CheckedFilter, *, is_below_document: bool) -> None:
    """Refuse a query that has too many parts, orders that cannot be, or none of a collection with more than names.

    Args:
        query: the query.
        where: its filter.
        is_below_document: whether it looks below a document, not below the root.

    Raises:
        RpcError: INVALID_ARGUMENT, naming the rule.
    """
    orders = [parse_field_path(order.field.field_path) for order in query.order_by]
    if where.count + len(orders) + is_below_document > MAX_COMPONENTS:
        ancestor = "one" if is_below_document else "no"
        raise invalid_argument(
            f"The query may not have more than {MAX_COMPONENTS} filters + sort orders + ancestor total. Currently "
            f"there are {where.count} filters, {len(orders)} sort orders, and {ancestor} ancestor filter."
        )
    for position, path in enumerate(orders):
        if path in orders[:position]:
            raise invalid_argument(f"order by clause cannot contain duplicate fields {format_field_path(path)}")
    if NAME in orders and (orders[-1] != NAME or set(where.unequal) - set(orders)):
        raise invalid_argument("order by clause cannot contain more fields after the key")
    for name in ("start_at", "end_at"):
        if len(getattr(query, name).values) > len(orders):
            raise invalid_argument("Cursor has too many values.")
    if not any(selector.collection_id for selector in query.from_):
        _check_without_collection(query, where, orders)


def _check_without_collection(query: Message, where: CheckedFilter, orders: list[FieldPath]) -> None:
    for path in where.paths:
        if path != NAME:
            raise invalid_argument(f"kind is required for filter: {format_field_path(path)}")
    if orders and (orders != [NAME] or query.order_by[0].direction == StructuredQuery.DESCENDING):
        raise invalid_argument("kind is required for all orders except __key__ ascending")


def _check_list(given: Message) -> None:
    name, count = _Op.Operator.Name(given.op), len(given.value.array_value.values)
    if not count:
        raise invalid_argument(f"'{name}' requires a non-empty ArrayValue.")
    if count > _LISTS[given.op]:
        raise invalid_argument(f"'{name}' supports up to {_LISTS[given.op]} comparison values.")


def _atoms(given: Message) -> Iterator[Message]:
    """The field filters and unary filters in a filter."""
    kind = given.WhichOneof("filter_type")
    if kind == "composite_filter":
        if not given.composite_filter.filters:
            raise invalid_argument("Composite filter must have at least one sub-filter.")
        for inner in given.composite_filter.filters:
            yield from _atoms(inner)
    elif kind is None:
        raise invalid_argument("A filter has no type.")
    else:
        yield getattr(given, kind)


def _is_field_filter(atom: Message) -> bool:
    return isinstance(atom, _Op)


def _path(atom: Message) -> FieldPath:
    return parse_field_path(atom.field.field_path)


def _is_inequality(atom: Message) -> bool:
    return atom.op in (INEQUALITIES if _is_field_filter(atom) else _UNARY_NEGATIONS)


def _has_disjunction(given: Message) -> bool:
    composite = given.composite_filter
    return composite.op == StructuredQuery.CompositeFilter.OR or any(map(_has_disjunction, composite.filters))


def _size(given: Message) -> _Size:
    if given.WhichOneof("filter_type") != "composite_filter":
        (atom,) = _atoms(given)
        op = atom.op if _is_field_filter(atom) else None
        alternatives = len(atom.value.array_value.values) if op in {_Op.IN, _Op.ARRAY_CONTAINS_ANY} else 1
        return _Size(alternatives, alternatives, int(op in _MEMBERSHIP))
    sizes = list(map(_size, given.composite_filter.filters))
    if given.composite_filter.op == StructuredQuery.CompositeFilter.OR:
        return _Size(
            sum(size.disjunctions for size in sizes),
            sum(size.filters for size in sizes),
            max(size.memberships for size in sizes),
        )
    disjunctions = prod(size.disjunctions for size in sizes)
    # Each disjunction of one part stands beside every combination of the others.
    filters = sum(size.filters * disjunctions // size.disjunctions for size in sizes)
    return _Size(disjunctions, filters, sum(size.memberships for size in sizes))
