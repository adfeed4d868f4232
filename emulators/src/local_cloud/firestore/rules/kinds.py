"""The values of the rules' language, and what may be done with them.

https://firebase.google.com/docs/reference/rules/rules

Null, booleans, integers, floats, strings, bytes, lists and maps are Python's own; the others are classes here.
"""

import base64
import hashlib
import math
import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = 10**9
_UNITS = {
    "w": 7 * 86_400 * _SECOND,
    "d": 86_400 * _SECOND,
    "h": 3_600 * _SECOND,
    "m": 60 * _SECOND,
    "s": _SECOND,
    "ms": 10**6,
    "ns": 1,
}
_EARTH_RADIUS_METERS = 6_371_010.0


class RulesError(Exception):
    """An expression that has no value: the rule that it is in allows nothing, unless the rest decides."""


@dataclass(frozen=True, order=True)
class Timestamp:
    """A moment, in nanoseconds since 1970."""

    nanoseconds: int


@dataclass(frozen=True, order=True)
class Duration:
    """A time span, in nanoseconds."""

    nanoseconds: int


@dataclass(frozen=True)
class LatLng:
    """A place on the earth, in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True)
class Path:
    """The name of a document. A segment that is a `Binding` waits for a value."""

    segments: tuple[Any, ...]


@dataclass(frozen=True)
class Binding:
    """A segment of a path that `bind` gives a value."""

    name: str


class Set(list[Any]):
    """Values without an order, each once."""


@dataclass(frozen=True)
class MapDiff:
    """Two maps that are compared."""

    new: Mapping[str, Any]
    old: Mapping[str, Any]


def set_of(values: Iterable[Any]) -> Set:
    """The set of some values: of equal ones the first."""
    found = Set()
    for value in values:
        if not contains(found, value):
            found.append(value)
    return found


def equal(left: Any, right: Any) -> bool:
    """Whether two values are equal: a boolean is no number, a set no list."""
    if _is_number(left) and _is_number(right):
        return bool(left == right)
    if type(left) is not type(right):
        return False
    if isinstance(left, Set):
        return len(left) == len(right) and all(contains(right, each) for each in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    return bool(left == right)


def contains(values: Iterable[Any], value: Any) -> bool:
    """Whether a value is among others."""
    return any(equal(each, value) for each in values)


def is_kind(value: Any, kind: str) -> bool:
    """Whether `value is kind`.

    Raises:
        RulesError: there is no such kind.
    """
    if kind not in _KINDS:
        raise RulesError(f"there is no type {kind}")
    return _KINDS[kind](value)


def operate(operator: str, left: Any, right: Any) -> Any:
    """Combine two values by an operator that is not logical.

    Raises:
        RulesError: it does not take such values.
    """
    match operator:
        case "==":
            return equal(left, right)
        case "!=":
            return not equal(left, right)
        case "in" if isinstance(right, list):
            return contains(right, left)
        case "in" if isinstance(right, dict):
            return left in right if isinstance(left, str) else False
        case "<" | "<=" | ">" | ">=" if _are_ordered(left, right):
            return _COMPARISONS[operator](left, right)
        case "+" | "-" | "*" | "/" | "%" if _is_number(left) and _is_number(right):
            return _calculate(operator, left, right)
        case "+" if isinstance(left, str) and isinstance(right, str):
            return left + right
        case "+" | "-" if isinstance(right, Duration) and isinstance(left, Timestamp | Duration):
            sign = 1 if operator == "+" else -1
            return type(left)(left.nanoseconds + sign * right.nanoseconds)
        case "+" if isinstance(left, Duration) and isinstance(right, Timestamp):
            return Timestamp(left.nanoseconds + right.nanoseconds)
        case "-" if isinstance(left, Timestamp) and isinstance(right, Timestamp):
            return Duration(left.nanoseconds - right.nanoseconds)
    raise RulesError(f"{operator} does not take {name_of(left)} and {name_of(right)}")


def negate(value: Any) -> Any:
    """`-value`."""
    if _is_number(value):
        return -value
    if isinstance(value, Duration):
        return Duration(-value.nanoseconds)
    raise RulesError(f"- does not take {name_of(value)}")


def member(value: Any, name: str) -> Any:
    """`value.name`."""
    if isinstance(value, dict):
        if name in value:
            return value[name]
        raise RulesError(f"there is no {name} in the map")
    raise RulesError(f"{name_of(value)} has no {name}")


def item(value: Any, index: Any) -> Any:
    """`value[index]`."""
    if isinstance(value, dict) and isinstance(index, str):
        return member(value, index)
    if isinstance(value, Path) and _is_int(index) and 0 <= index < len(value.segments):
        return value.segments[index]
    if isinstance(value, str | list) and not isinstance(value, Set) and _is_int(index) and 0 <= index < len(value):
        return value[index]
    raise RulesError(f"{name_of(value)} has no [{index!r}]")


def section(value: Any, start: Any, end: Any) -> Any:
    """`value[start:end]`."""
    if (
        isinstance(value, str | list | bytes)
        and not isinstance(value, Set)
        and _is_int(start)
        and _is_int(end)
        and 0 <= start <= end <= len(value)
    ):
        return value[start:end]
    raise RulesError(f"{name_of(value)} has no [{start!r}:{end!r}]")


def call_method(value: Any, name: str, arguments: list[Any]) -> Any:
    """`value.name(arguments)`.

    Raises:
        RulesError: values of its kind have no such method, or it does not take these arguments.
    """
    for kind, methods in _METHODS:
        if isinstance(value, kind) and not isinstance(value, bool) and name in methods:
            return _called(name, methods[name], [value, *arguments])
    raise RulesError(f"{name_of(value)} has no {name}()")


def call_function(name: str, arguments: list[Any]) -> Any:
    """Call a function that every rule has, such as `math.abs` or `int`."""
    return _called(name, FUNCTIONS[name], arguments)


def name_of(value: Any) -> str:
    """What kind of value it is."""
    return next((kind for kind, is_it in _KINDS.items() if kind != "number" and is_it(value)), "null")


def _called(name: str, function: Callable[..., Any], arguments: list[Any]) -> Any:
    try:
        return function(*arguments)
    except (TypeError, ValueError, AttributeError, KeyError, IndexError, OverflowError, re.error) as error:
        raise RulesError(f"{name}() does not take {', '.join(map(name_of, arguments)) or 'nothing'}") from error


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_ordered(left: Any, right: Any) -> bool:
    if _is_number(left) and _is_number(right):
        return True
    return type(left) is type(right) and isinstance(left, str | bytes | Timestamp | Duration)


def _calculate(operator: str, left: Any, right: Any) -> Any:
    if operator in "/%" and right == 0 and _is_int(left) and _is_int(right):
        raise RulesError("a division by zero")
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "/" if _is_int(left) and _is_int(right):
            return abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        case "/":
            return left / right if right else math.copysign(math.inf, left) if left else math.nan
        case _:
            return int(math.fmod(left, right)) if _is_int(left) and _is_int(right) else math.fmod(left, right)


def _moment(timestamp: Timestamp) -> datetime:
    return _EPOCH + timedelta(microseconds=timestamp.nanoseconds // 1000)


def _timestamp(moment: datetime) -> Timestamp:
    return Timestamp((moment - _EPOCH) // timedelta(microseconds=1) * 1000)


def _octets(value: Any) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _crc32c(octets: bytes) -> int:
    crc = 0xFFFFFFFF
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def _distance(one: LatLng, other: LatLng) -> float:
    latitudes = math.radians(one.latitude), math.radians(other.latitude)
    half = math.sin((latitudes[1] - latitudes[0]) / 2) ** 2
    across = math.sin(math.radians(other.longitude - one.longitude) / 2) ** 2
    return (
        2 * _EARTH_RADIUS_METERS * math.asin(math.sqrt(half + math.cos(latitudes[0]) * math.cos(latitudes[1]) * across))
    )


def _joined(values: list[Any], separator: str) -> str:
    return separator.join(map(_string, values))


def _string(value: Any) -> str:
    match value:
        case str():
            return value
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case Path():
            return "/" + "/".join(map(str, value.segments))
    raise TypeError


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        raise TypeError
    return int(value)


def _float(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    return float(value)


def _boolean(value: Any) -> bool:
    return {"true": True, "false": False}[value]


def _path(text: str) -> Path:
    return Path(tuple(text.strip("/").split("/")))


def _bind(path: Path, values: dict[str, str]) -> Path:
    return Path(tuple(values[each.name] if isinstance(each, Binding) else each for each in path.segments))


def _get(values: dict[str, Any], key: Any, default: Any) -> Any:
    found: Any = values
    for each in key if isinstance(key, list) else [key]:
        if not isinstance(found, dict) or each not in found:
            return default
        found = found[each]
    return found


def _members(values: Any) -> list[Any]:
    if not isinstance(values, list):
        raise TypeError
    return values


def _has_all(values: list[Any], others: Any) -> bool:
    return all(contains(values, each) for each in _members(others))


def _has_any(values: list[Any], others: Any) -> bool:
    return any(contains(values, each) for each in _members(others))


def _has_only(values: list[Any], others: Any) -> bool:
    return _has_all(_members(others), values)


def _without(values: list[Any], others: Any) -> list[Any]:
    return type(values)(each for each in values if not contains(_members(others), each))


def _changed(diff: MapDiff) -> Set:
    return Set(key for key in diff.new if key in diff.old and not equal(diff.new[key], diff.old[key]))


def _added(diff: MapDiff) -> Set:
    return Set(key for key in diff.new if key not in diff.old)


def _removed(diff: MapDiff) -> Set:
    return Set(key for key in diff.old if key not in diff.new)


def _diff(new: dict[str, Any], old: Any) -> MapDiff:
    if not isinstance(old, dict):
        raise TypeError
    return MapDiff(new, old)


_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}

_KINDS: dict[str, Callable[[Any], bool]] = {
    "bool": lambda value: isinstance(value, bool),
    "int": _is_int,
    "float": lambda value: isinstance(value, float),
    "number": _is_number,
    "string": lambda value: isinstance(value, str),
    "bytes": lambda value: isinstance(value, bytes),
    "timestamp": lambda value: isinstance(value, Timestamp),
    "duration": lambda value: isinstance(value, Duration),
    "latlng": lambda value: isinstance(value, LatLng),
    "path": lambda value: isinstance(value, Path),
    "set": lambda value: isinstance(value, Set),
    "list": lambda value: isinstance(value, list) and not isinstance(value, Set),
    "map": lambda value: isinstance(value, dict),
    "map_diff": lambda value: isinstance(value, MapDiff),
}

_COLLECTION_METHODS: dict[str, Callable[..., Any]] = {
    "hasAll": _has_all,
    "hasAny": _has_any,
    "hasOnly": _has_only,
    "size": len,
}

_METHODS: list[tuple[type, dict[str, Callable[..., Any]]]] = [
    (
        str,
        {
            "lower": str.lower,
            "matches": lambda text, pattern: re.fullmatch(pattern, text) is not None,
            "replace": lambda text, pattern, by: re.sub(pattern, by, text),
            "size": len,
            "split": lambda text, pattern: re.split(pattern, text),
            "toUtf8": str.encode,
            "trim": str.strip,
            "upper": str.upper,
        },
    ),
    (
        bytes,
        {
            "size": len,
            "toBase64": lambda octets: base64.urlsafe_b64encode(octets).decode(),
            "toHexString": lambda octets: octets.hex().upper(),
        },
    ),
    (
        Set,
        {
            **_COLLECTION_METHODS,
            "difference": _without,
            "intersection": lambda one, other: Set(each for each in one if contains(_members(other), each)),
            "union": lambda one, other: set_of([*one, *_members(other)]),
        },
    ),
    (
        list,
        {
            **_COLLECTION_METHODS,
            "concat": lambda one, other: [*one, *_members(other)],
            "join": _joined,
            "removeAll": _without,
            "toSet": set_of,
        },
    ),
    (
        dict,
        {
            "diff": _diff,
            "get": _get,
            "keys": list,
            "size": len,
            "values": lambda values: list(values.values()),
        },
    ),
    (
        MapDiff,
        {
            "addedKeys": _added,
            "affectedKeys": lambda diff: set_of([*_added(diff), *_removed(diff), *_changed(diff)]),
            "changedKeys": _changed,
            "removedKeys": _removed,
            "unchangedKeys": lambda diff: Set(
                key for key in diff.new if key in diff.old and equal(diff.new[key], diff.old[key])
            ),
        },
    ),
    (Path, {"bind": _bind}),
    (
        LatLng,
        {
            "distance": _distance,
            "latitude": lambda place: place.latitude,
            "longitude": lambda place: place.longitude,
        },
    ),
    (
        Duration,
        {
            "nanos": lambda span: int(math.fmod(span.nanoseconds, _SECOND)),
            "seconds": lambda span: _calculate("/", span.nanoseconds, _SECOND),
        },
    ),
    (
        Timestamp,
        {
            "date": lambda at: _timestamp(_moment(at).replace(hour=0, minute=0, second=0, microsecond=0)),
            "day": lambda at: _moment(at).day,
            "dayOfWeek": lambda at: _moment(at).isoweekday(),
            "dayOfYear": lambda at: _moment(at).timetuple().tm_yday,
            "hours": lambda at: _moment(at).hour,
            "minutes": lambda at: _moment(at).minute,
            "month": lambda at: _moment(at).month,
            "nanos": lambda at: at.nanoseconds % _SECOND,
            "seconds": lambda at: _moment(at).second,
            "time": lambda at: Duration(at.nanoseconds % _UNITS["d"]),
            "toMillis": lambda at: at.nanoseconds // 10**6,
            "year": lambda at: _moment(at).year,
        },
    ),
]

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "bool": _boolean,
    "debug": lambda value: value,
    "float": _float,
    "int": _integer,
    "path": _path,
    "string": _string,
    "duration.abs": lambda span: Duration(abs(span.nanoseconds)),
    "duration.time": lambda hours, minutes, seconds, nanos: Duration(
        ((hours * 60 + minutes) * 60 + seconds) * _SECOND + nanos
    ),
    "duration.value": lambda magnitude, unit: Duration(magnitude * _UNITS[unit]),
    "hashing.crc32": lambda value: zlib.crc32(_octets(value)).to_bytes(4, "big"),
    "hashing.crc32c": lambda value: _crc32c(_octets(value)).to_bytes(4, "big"),
    "hashing.md5": lambda value: hashlib.md5(_octets(value), usedforsecurity=False).digest(),
    "hashing.sha256": lambda value: hashlib.sha256(_octets(value)).digest(),
    "latlng.value": lambda latitude, longitude: LatLng(float(latitude), float(longitude)),
    "math.abs": abs,
    "math.ceil": math.ceil,
    "math.floor": math.floor,
    "math.isInfinite": math.isinf,
    "math.isNaN": math.isnan,
    "math.pow": lambda base, exponent: float(base) ** exponent,
    "math.round": lambda number: math.floor(number + 0.5),
    "math.sqrt": math.sqrt,
    "timestamp.date": lambda year, month, day: _timestamp(datetime(year, month, day, tzinfo=UTC)),
    "timestamp.value": lambda millis: Timestamp(millis * 10**6),
}
