"""The language of the rules: every example of its reference, and what the guides say of it.

https://firebase.google.com/docs/reference/rules/rules
"""

from collections.abc import Mapping
from typing import Any

import pytest

from local_cloud.firestore.rules.kinds import Duration, LatLng, Path, RulesError, Timestamp
from local_cloud.firestore.rules.ruleset import Access, Ruleset
from local_cloud.firestore.rules.syntax import InvalidRules, Scope, parse_expression

DOCUMENTS = ("databases", "(default)", "documents")


class Looks:
    """Documents by their path."""

    def __init__(self, documents: Mapping[str, Any] | None = None, after: Mapping[str, Any] | None = None) -> None:
        self._sides = {False: documents or {}, True: after or {}}

    def get(self, path: Path, *, after: bool) -> Any:
        data = self._sides[after].get("/".join(path.segments[3:]))
        return None if data is None else {"data": data, "id": path.segments[-1], "__name__": path}


def evaluate(expression: str, **variables: Any) -> Any:
    return parse_expression(expression)(Scope(variables, {}, Looks({"things/other": {"a": 1}}, {"things/new": {}})))


REFERENCE = r"""
b'*' == b'\x2A'
b'*' == b'\052'
b'€' == b'\342\202\254'
b'€' == b'\xE2\x82\xAC'
b'\xFF\xFF'.size() == 2
b'a'.size() == 1
b'€'.size() == 3 // 3-byte UTF-8 encoded string
b'\xFB\xEF\xBE'.toBase64() == '----'
b'\x2A'.toHexString() == '2A'
b'**'.toHexString() == '2A2A'
b'€'.toHexString() == 'E282AC'
true || someFunction()
!(false && someFunction())
bool("true") == true
float("2.2") == 2.2
float(2) == 2.0
int("2") == 2
int(2.0) == 2
'a' in ['a','b'] == true
['a', 'b'].hasOnly(['a', 'c']) == false
['a', 'b'].hasOnly(['a', 'b', 'c']) == true
['a', 'b'].hasOnly(['b', 'a']) == true
['a', 'a', 'b'].hasOnly(['a', 'b', 'b']) == true
['a', 'a', 'b'].hasOnly(['a', 'b', 'b', 'c']) == true
{"a": 3,"b": 2}.get("c", 7) == 7
{"a": [2, 7], "b": [9, 12]}.get("c", [1, 1]) == [1, 1]
{"a": [2, 7],"b": [9, 12]}.get("b", [1, 1]) == [9, 12]
{"a": {"b": 1},"c": 2}.get(["a", "b"], 7) == 1
{"a":1}.diff({}).addedKeys() == ["a"].toSet()
({"a":0, "c":0, "u":0}).diff({"r":0, "c":1, "u": 0}).affectedKeys() == ["a", "r", "c"].toSet()
{"a":0}.diff({"a":1, "b":4}).changedKeys() == ["a"].toSet()
{}.diff({"a":1}).removedKeys() == ["a"].toSet()
{"a": 0}.diff({"a":0}).unchangedKeys() == ["a"].toSet()
/path/to/resource == path("path/to/resource")
(/path/$(foo)/$(bar)).bind({"foo": "something", "bar": "another"}) == /path/something/another
['a','b'].toSet().size() == 2
'a' in ['a','b'].toSet() == true
['a','b'].toSet().difference(['a','c'].toSet()) == ['b'].toSet()
['a','b'].toSet().hasAll(['a','c']) == false
['d','e','f'].toSet().hasAll(['d','e']) == true
['a','b'].toSet().hasAny(['c','d'].toSet()) == false
['a','b'].toSet().hasAny(['a','c'].toSet()) == true
['a','b'].toSet().hasOnly(['a','c']) == false
['a','b'].toSet().hasOnly(['a','b']) == true
['a','b'].toSet().intersection(['a','c'].toSet()) == ['a'].toSet()
['a','b'].toSet().union(['a','c'].toSet()) == ['a', 'b', 'c'].toSet()
'username' + '@domain.com' == 'username@domain.com'
mystring[0] == 'a'
mystring[0:3] == 'abc'
string(true) == "true"
string(1) == "1"
string(2.0) == "2.0"
string(null) == "null"
'ABC'.lower() == 'abc'
'ABC123'.lower() == 'abc123'
'user@domain.com'.matches('.*@domain[.]com') == true
'banana'.matches('.*@domain[.]com') == false
'banana'.replace("a", "o") == 'bonono'
'banana'.replace("ana", "ee") == 'beena'
'foo@test.com'.replace(".", "-") == '------------' // '.' regex match all
'a'.size() == 1
'abc'.size() == 3
'a/b/c'.split('/') == ['a', 'b', 'c']
'**'.toUtf8() == b'\x2A\x2A'
'€'.toUtf8() == b'\xE2\x82\xAC'
' a '.trim() == 'a'
'b'.trim() == 'b'
'abc'.upper() == 'ABC'
'abc123'.upper() == 'ABC123'
duration.abs(duration.value(-10, 's')) == duration.value(10, 's')
duration.value(1, 'w') == duration.value(7, 'd')
exists(/databases/$(database)/documents/things/other)
get(/databases/$(database)/documents/things/thing1) == null
math.abs(-1) == 1
math.abs(1) == 1
math.ceil(2.0) == 2
math.ceil(2.1) == 3
math.ceil(2.7) == 3
math.floor(1.9) == 1
math.floor(2.0) == 2
math.floor(2.7) == 2
math.isInfinite(infinity) == true
math.isInfinite(100) == false
math.isNaN(nan) == true
math.isNaN(100) == false
math.pow(2, 2) == 4
math.pow(1.5, 2) == 2.25
math.pow(4, 0.5) == 2
math.round(1.9) == 2
math.round(2.4) == 2
math.round(2.5) == 3
math.sqrt(4) == 2.0
math.sqrt(2.25) == 1.5
timestamp.date(1984, 1, 2) == timestamp.value(441849600000)
request.query.limit <= 50
request.time == request.resource.data.myServerTimestampField
resource['__name__'] == /databases/(default)/documents/collection/document
resource.data.name == 'John Doe'
resource['__name__'] == /databases/(default)/documents/collection/$(resource.id)
"""

_SERVER_TIME = Timestamp(1)
VARIABLES: dict[str, Any] = {
    "mystring": "abcd",
    "database": "(default)",
    "infinity": float("inf"),
    "nan": float("nan"),
    "request": {
        "query": {"limit": 50},
        "time": _SERVER_TIME,
        "resource": {"data": {"myServerTimestampField": _SERVER_TIME}},
    },
    "resource": {
        "__name__": Path((*DOCUMENTS, "collection", "document")),
        "id": "document",
        "data": {"name": "John Doe"},
    },
}


@pytest.mark.parametrize("example", REFERENCE.strip().splitlines())
def test_an_example_of_the_reference_holds(example: str) -> None:
    assert evaluate(example, **VARIABLES) is True


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3 - 4", 3),
        ("-7 / 2", -3),
        ("-7 % 2", -1),
        ("7.0 / 2", 3.5),
        ("1 == 1.0", True),
        ("true == 1", False),
        ("null == false", False),
        ("1 < 2 && 'a' < 'b'", True),
        ("!true || 1 > 2 ? 'a' : 'b'", "b"),
        ("[1, 'a', null][1]", "a"),
        ("[1, 2, 3][1:3]", [2, 3]),
        ("[1, 2].concat([3]).join('-')", "1-2-3"),
        ("[1, 2, 1].removeAll([1])", [2]),
        ("{'a': 1}.keys()", ["a"]),
        ("{'a': 1}.values().size() + {'a': 1}.size()", 2),
        ("'a' in {'a': 1}", True),
        ("'it\\'s \\u00fc' == \"it's ü\"", True),
        ("1 is int && 1.5 is float && 1 is number && 'a' is string && [] is list && {} is map && null is bool", False),
        ("timestamp.value(0) is timestamp && duration.value(1, 'h') is duration && latlng.value(1, 2) is latlng", True),
        ("/a/b is path && b'a' is bytes && [].toSet() is set && !([].toSet() is list)", True),
        ("timestamp.date(2024, 2, 29) + duration.value(1, 'd')", Timestamp(1_709_251_200 * 10**9)),
        ("timestamp.date(2024, 1, 2) - timestamp.date(2024, 1, 1)", Duration(86_400 * 10**9)),
        ("timestamp.value(1709210096789).time() == duration.time(12, 34, 56, 789000000)", True),
        ("timestamp.value(1709210096789).date() == timestamp.date(2024, 2, 29)", True),
        ("[timestamp.value(1709210096789)][0].toMillis()", 1_709_210_096_789),
        ("duration.value(-1500, 'ms').seconds()", -1),
        ("duration.value(-1500, 'ms').nanos()", -500_000_000),
        ("latlng.value(0, 0).distance(latlng.value(0, 1)) > 111000.0", True),
        ("latlng.value(1, 2)", LatLng(1.0, 2.0)),
        ("hashing.md5('a').toHexString()", "0CC175B9C0F1B6A831C399E269772661"),
        ("hashing.crc32('123456789').toHexString()", "CBF43926"),
        ("hashing.crc32c('123456789').toHexString()", "E3069283"),
        ("hashing.sha256(b'').size()", 32),
        ("debug(1) + 1", 2),
        ("existsAfter(/databases/$(database)/documents/things/new)", True),
        ("getAfter(/databases/$(database)/documents/things/other) == null", True),
        ("get(/databases/$(database)/documents/things/$('ot' + 'her')).data.a", 1),
        ("/* nothing */ [1, 2,] // a comma may end a list\n == [1, 2]", True),
        ("(/a/b/c)[1]", "b"),
    ],
)
def test_an_expression_has_a_value(expression: str, value: Any) -> None:
    found = evaluate(expression, database="(default)")
    assert (type(found), found) == (type(value), value)


def test_the_parts_of_a_moment() -> None:
    parts = ["year", "month", "day", "hours", "minutes", "seconds", "nanos", "dayOfWeek", "dayOfYear"]
    found = [evaluate(f"timestamp.value(1709210096789).{part}()") for part in parts]
    assert found == [2024, 2, 29, 12, 34, 56, 789_000_000, 4, 60]


@pytest.mark.parametrize(
    "expression",
    [
        "1 / 0",
        "'a' + 1",
        "'a' < 1",
        "-'a'",
        "nobody",
        "nothing()",
        "{}.a",
        "{'a': 1}.b",
        "null.a",
        "[1][1]",
        "'abc'[2:9]",
        "1 in 2",
        "'a'.matches('(')",
        "'a'.size(1)",
        "'a'.hasAny(['a'])",
        "[1].hasAny(1)",
        "int('a')",
        "int(true)",
        "bool('yes')",
        "duration.value(1, 'y')",
        "timestamp.date(2024, 13, 1)",
        "1 is thing",
        "get('a')",
        "!1",
        "1 && true",
        "false || 1",
        "1 ? 2 : 3",
        "/a/$(1)",
        "true && nobody",
    ],
)
def test_an_expression_has_no_value(expression: str) -> None:
    with pytest.raises(RulesError):
        evaluate(expression)


@pytest.mark.parametrize(
    ("expression", "value"),
    [("nobody || true", True), ("true || nobody", True), ("nobody && false", False), ("false && nobody", False)],
)
def test_one_side_may_decide_where_the_other_has_no_value(expression: str, *, value: bool) -> None:
    assert evaluate(expression) is value


def rules(body: str, *, version: str = "rules_version = '2';") -> Ruleset:
    return Ruleset(f"{version} service cloud.firestore {{ match /databases/{{database}}/documents {{ {body} }} }}")


def allows(
    ruleset: Ruleset,
    method: str,
    path: str,
    *,
    uid: str | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    documents: Mapping[str, Any] | None = None,
) -> bool:
    segments = (*DOCUMENTS, *path.split("/"))
    access = Access(
        method=method,
        path=segments,
        auth=None if uid is None else {"uid": uid, "token": {}},
        time=Timestamp(0),
        resource=None if before is None else {"data": before, "id": segments[-1], "__name__": Path(segments)},
        after=None if after is None else {"data": after, "id": segments[-1], "__name__": Path(segments)},
    )
    return ruleset.allows(access, Looks(documents))


@pytest.mark.parametrize(
    ("template", "path", "matches"),
    [
        ("/cities/{city}", "cities/a", True),
        ("/cities/{city}", "cities/a/landmarks/b", False),
        ("/cities/a", "cities/a", True),
        ("/cities/a", "cities/b", False),
        ("/cities/{document=**}", "cities/a", True),
        ("/cities/{document=**}", "cities/a/landmarks/b", True),
        ("/{document=**}", "cities/a/landmarks/b", True),
        ("/{path=**}/landmarks/{landmark}", "cities/a/landmarks/b", True),
        ("/{path=**}/landmarks/{landmark}", "landmarks/b", True),
        ("/{path=**}/landmarks/{landmark}", "cities/a", False),
    ],
)
def test_a_match_is_of_a_path(template: str, path: str, *, matches: bool) -> None:
    assert allows(rules(f"match {template} {{ allow read; }}"), "get", path) is matches


def test_in_version_1_a_deep_variable_stands_for_a_segment_at_least() -> None:
    body = "match /cities/{city} { match /{document=**} { allow read: if true; } }"
    assert allows(rules(body), "get", "cities/a")
    assert not allows(rules(body, version=""), "get", "cities/a")
    assert allows(rules(body, version=""), "get", "cities/a/landmarks/b")


@pytest.mark.parametrize(
    ("allowed", "methods"),
    [
        ("read", {"get", "list"}),
        ("write", {"create", "update", "delete"}),
        ("get, delete", {"get", "delete"}),
    ],
)
def test_a_method_stands_for_others(allowed: str, methods: set[str]) -> None:
    ruleset = rules(f"match /a/{{b}} {{ allow {allowed}: if true; }}")
    assert {each for each in ("get", "list", "create", "update", "delete") if allows(ruleset, each, "a/b")} == methods


def test_any_rule_that_matches_may_allow() -> None:
    ruleset = rules(
        "match /a/{b} { allow read: if false; allow read: if nobody; } match /{all=**} { allow get: if b == null; }"
        "match /a/{b} { allow read: if b == 'c'; }"
    )
    assert allows(ruleset, "get", "a/c")
    assert not allows(ruleset, "get", "a/d")


def test_functions_see_their_block_and_not_who_calls_them() -> None:
    ruleset = rules(
        """
        function signedInOrPublic() { return request.auth.uid != null || resource.data.visibility == 'public'; }
        match /users/{user} {
          function isOwner(of) { let uid = request.auth.uid; let same = uid == of; return same && user == of; }
          function sees() { return item == 'a'; }
          match /items/{item} {
            allow get: if isOwner(user);
            allow list: if sees();
            allow delete: if signedInOrPublic();
          }
        }
        """
    )
    assert allows(ruleset, "get", "users/u/items/a", uid="u")
    assert not allows(ruleset, "get", "users/u/items/a", uid="v")
    assert not allows(ruleset, "list", "users/u/items/a", uid="u")
    assert allows(ruleset, "delete", "users/u/items/a", before={"visibility": "public"})
    assert not allows(ruleset, "delete", "users/u/items/a", before={"visibility": "private"})


def test_functions_may_call_each_other_but_not_for_ever() -> None:
    ruleset = rules("function down(n) { return n == 0 || down(n - 1); } match /a/{n} { allow get: if down(int(n)); }")
    assert allows(ruleset, "get", "a/15")
    assert not allows(ruleset, "get", "a/25")


def test_the_examples_of_the_guides() -> None:
    """https://firebase.google.com/docs/firestore/security/rules-conditions"""
    ruleset = rules(
        """
        match /cities/{city} {
          allow create: if request.auth != null && exists(/databases/$(database)/documents/users/$(request.auth.uid));
          allow delete: if request.auth != null &&
            get(/databases/$(database)/documents/users/$(request.auth.uid)).data.admin == true;
          allow update: if request.resource.data.population > 0 && request.resource.data.name == resource.data.name;
        }
        match /profiles/{id} {
          allow create: if request.resource.data.keys().hasAll(['name', 'city'])
            && request.resource.data.keys().hasOnly(['name', 'city', 'age'])
            && (!('age' in request.resource.data) || request.resource.data.age is int);
          allow update: if request.resource.data.diff(resource.data).affectedKeys().hasOnly(['name', 'location']);
        }
        """
    )
    users = {"users/u": {"admin": False}, "users/v": {"admin": True}}
    assert allows(ruleset, "create", "cities/a", uid="u", after={}, documents=users)
    assert not allows(ruleset, "create", "cities/a", uid="w", after={}, documents=users)
    assert not allows(ruleset, "create", "cities/a", after={}, documents=users)
    assert allows(ruleset, "delete", "cities/a", uid="v", before={}, documents=users)
    assert not allows(ruleset, "delete", "cities/a", uid="u", before={}, documents=users)
    assert allows(ruleset, "update", "cities/a", before={"name": "A"}, after={"name": "A", "population": 1})
    assert not allows(ruleset, "update", "cities/a", before={"name": "A"}, after={"name": "B", "population": 1})
    assert not allows(ruleset, "update", "cities/a", before={"name": "A"}, after={"name": "A", "population": 0})
    assert allows(ruleset, "create", "profiles/a", after={"name": "a", "city": "b", "age": 3})
    assert not allows(ruleset, "create", "profiles/a", after={"name": "a", "city": "b", "age": "3"})
    assert not allows(ruleset, "create", "profiles/a", after={"name": "a"})
    assert not allows(ruleset, "create", "profiles/a", after={"name": "a", "city": "b", "admin": True})
    assert allows(ruleset, "update", "profiles/a", before={"a": 1, "name": "x"}, after={"a": 1, "name": "y"})
    assert not allows(ruleset, "update", "profiles/a", before={"a": 1}, after={"a": 2})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "line 1: service"),
        (
            "rules_version = '2';\nservice cloud.firestore {\n  match /a/{b} {\n    allow thing: if true;\n  }\n}",
            "line 4",
        ),
        ("service cloud.firestore { match a { } }", "a path"),
        ("service cloud.firestore { match /a/{b} { allow read: if ; } }", "a name"),
        ("service cloud.firestore { match /a/{b} { allow read: if (true; } }", "[)]"),
        ("service cloud.firestore { match /a/{b} { allow read: if 'a; } }", "a name"),
        ("service cloud.firestore { match /a/{b} { allow read: if math.cube(2) == 8; } }", "math.cube"),
        ("service cloud.firestore { function a() { let b = 1; } }", "return"),
        ("service cloud.firestore { } }", "the end"),
        ("service cloud.firestore {", "end of the file"),
    ],
)
def test_what_is_no_file_of_rules_is_refused_with_its_line(source: str, message: str) -> None:
    with pytest.raises(InvalidRules, match=message):
        Ruleset(source)
