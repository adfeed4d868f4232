"""The encoding of values agrees with a plain comparison of them."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from local_cloud.firestore import values
from local_cloud.firestore.messages import Value
from local_cloud_tests.firestore.unit import reference, strategies


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _order(left: bytes, right: bytes) -> int:
    return (left > right) - (left < right)


@given(strategies.values, strategies.values)
def test_encodings_compare_as_values_do(left: Any, right: Any) -> None:
    assert _order(values.encode(left), values.encode(right)) == _sign(reference.compare(left, right))


@given(strategies.simple_values, strategies.simple_values)
def test_simple_encodings_compare_as_values_do(left: Any, right: Any) -> None:
    assert _order(values.encode(left), values.encode(right)) == _sign(reference.compare(left, right))


@given(st.tuples(strategies.values, strategies.values), st.tuples(strategies.values, strategies.values))
def test_joined_encodings_compare_by_the_first_value_then_by_the_second(
    left: tuple[Any, Any], right: tuple[Any, Any]
) -> None:
    first, second = (b"".join(map(values.encode, pair)) for pair in (left, right))
    expected = reference.compare(left[0], right[0]) or reference.compare(left[1], right[1])
    assert _order(first, second) == _sign(expected)


@given(strategies.values, strategies.values)
def test_a_complement_turns_the_order_around(left: Any, right: Any) -> None:
    first, second = (values.complement(values.encode(value)) for value in (left, right))
    assert _order(first, second) == -_sign(reference.compare(left, right))


@given(strategies.values)
def test_the_range_of_a_type_holds_its_values(value: Any) -> None:
    encoded = values.encode(value)
    low, high = values.type_range(encoded)
    assert low <= encoded < high


@given(st.text(min_size=1).filter(lambda text: "/" not in text) | st.sampled_from(["__id5__", "__id-9__"]))
def test_ids_survive_their_encoding(segment: str) -> None:
    encoded = values.encode_segment(segment)
    assert values.SEGMENT_END not in encoded
    assert values.decode_segment(encoded) == segment


def test_integers_and_doubles_compare_beyond_the_precision_of_doubles() -> None:
    big = 2**53
    assert values.encode(Value(integer_value=big + 1)) > values.encode(Value(double_value=float(big)))
    assert values.encode(Value(integer_value=big + 1)) < values.encode(Value(double_value=float(big + 2)))
    assert values.encode(Value(integer_value=2**63 - 1)) < values.encode(Value(double_value=float(2**63)))
