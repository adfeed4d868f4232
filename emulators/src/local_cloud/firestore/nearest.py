"""The search for the nearest vectors.

https://firebase.google.com/docs/firestore/vector-search
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from local_cloud.firestore import fields, values
from local_cloud.firestore.messages import Message, StructuredQuery, Value
from local_cloud.firestore.query import Nearest

_Measure = StructuredQuery.FindNearest
_Candidate = TypeVar("_Candidate")


def nearest(search: Nearest, candidates: Iterable[tuple[Message, _Candidate]]) -> Iterator[tuple[Message, _Candidate]]:
    """The candidates whose vectors are nearest, nearest first.

    Args:
        search: what is searched for.
        candidates: documents, each with whatever it belongs to. One without a vector of that dimension is never near.
            Those that are returned get their distance if the search asks for it.
    """
    larger_is_nearer = search.measure == _Measure.DOT_PRODUCT
    found: list[tuple[float, Message, _Candidate]] = []
    for document, candidate in candidates:
        vector = fields.get(document.fields, search.path)
        if vector is None or not values.is_vector(vector):
            continue
        numbers = values.vector_numbers(vector)
        if len(numbers) != len(search.vector):
            continue
        distance = _distance(search.measure, search.vector, numbers)
        if distance is not None and _is_within(search.threshold, distance, larger_is_nearer=larger_is_nearer):
            found.append((distance, document, candidate))
    found.sort(key=lambda each: -each[0] if larger_is_nearer else each[0])
    for distance, document, candidate in found[: search.limit]:
        if search.result_field is not None:
            fields.put(document.fields, search.result_field, Value(double_value=distance))
        yield document, candidate


def _is_within(threshold: float | None, distance: float, *, larger_is_nearer: bool) -> bool:
    if threshold is None:
        return True
    return distance >= threshold if larger_is_nearer else distance <= threshold


def _distance(measure: int, left: Sequence[float], right: Sequence[float]) -> float | None:
    product = sum(a * b for a, b in zip(left, right, strict=True))
    if measure == _Measure.DOT_PRODUCT:
        return product
    if measure == _Measure.EUCLIDEAN:
        return math.dist(left, right)
    norms = math.hypot(*left) * math.hypot(*right)
    # The angle to a vector of length zero is not defined.
    return None if norms == 0 else 1 - product / norms
