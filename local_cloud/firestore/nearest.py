"""The search for the nearest vectors.

https://firebase.google.com/docs/firestore/vector-search
"""

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from local_cloud.firestore import fields, values
from local_cloud.firestore.messages import StructuredQuery, Value
from local_cloud.firestore.query import Nearest

if TYPE_CHECKING:
    from local_cloud.firestore.execution import Result

_Measure = StructuredQuery.FindNearest


def nearest(search: Nearest, results: Iterable["Result"]) -> Iterator["Result"]:
    """The results whose vectors are nearest, nearest first. A document without a vector of that dimension is none."""
    larger_is_nearer = search.measure == _Measure.DOT_PRODUCT
    found: list[tuple[float, Result]] = []
    for result in results:
        document = result.document if result.document is not None else result.version.document()
        vector = fields.get(document.fields, search.path)
        if vector is None or not values.is_vector(vector):
            continue
        numbers = [
            float(getattr(number, number.WhichOneof("value_type")))
            for number in vector.map_value.fields["value"].array_value.values
        ]
        if len(numbers) != len(search.vector):
            continue
        distance = _distance(search.measure, search.vector, numbers)
        if distance is None:
            continue
        if search.threshold is not None and (
            distance < search.threshold if larger_is_nearer else distance > search.threshold
        ):
            continue
        result.document = document
        found.append((distance, result))
    found.sort(key=lambda pair: -pair[0] if larger_is_nearer else pair[0])
    for distance, result in found[: search.limit]:
        if search.result_field is not None and result.document is not None:
            fields.put(result.document.fields, search.result_field, Value(double_value=distance))
        yield result


def _distance(measure: int, left: Iterable[float], right: list[float]) -> float | None:
    left = list(left)
    product = sum(a * b for a, b in zip(left, right, strict=True))
    if measure == _Measure.DOT_PRODUCT:
        return product
    if measure == _Measure.EUCLIDEAN:
        return math.dist(left, right)
    norms = math.hypot(*left) * math.hypot(*right)
    return None if norms == 0 else 1 - product / norms
