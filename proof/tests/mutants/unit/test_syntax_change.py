"""Changes by node: what a pattern matches, what stays as it is, and what is refused."""

import pytest

from proof.mutants.syntax_change import NotOneNode, changed


@pytest.mark.parametrize(
    ("source", "pattern", "change", "after"),
    [
        ("a = 1 + (2)  # é\n", "_1 + _2", "_2 - _1", "a = ((2) - (1))  # é\n"),
        ("a = f(é, b.c(d), e=1, g=2)", "f(..., g=_, e=(_0 := _))", "_0 + 1", "a = f(é, b.c(d), e=((1) + 1), g=2)"),
        ("a = f(b) if b else f(c)", "f(_1) if _1 else _", "_1", "a = ((b))"),
        ("a = (b.c(1) or\n  d)", "(_1 := _.c(_)) or _", "_1", "a = (((b.c(1))))"),
        ("a = {'b': 1, 'c': 2}", '{"c": (_0 := _)}', "3", "a = {'b': 1, 'c': (3)}"),
        (
            "if a.b:\n    c()\nelse:\n    d()\n",
            "if (_0 := _.b):\n    ...",
            "False",
            "if (False):\n    c()\nelse:\n    d()\n",
        ),
        (
            "if 1:\n    a = b()\n    c  # d\n",
            "_ = b()",
            "x()\n_0\ny()",
            "if 1:\n    x()\n    a = b()\n    y()\n    c  # d\n",
        ),
        ("def f():\n  a()\n  b()\n  return 1", "b()\nreturn (_0 := _)", "2", "def f():\n  a()\n  b()\n  return (2)"),
        ("try:\n  a\nexcept E as e:\n  b(e)", "except E as _:\n    (_0 := _)", "c", "try:\n  a\nexcept E as e:\n  (c)"),
        ("f(lambda a: g(a), b)", "f(lambda _: g(...), _1)", "_1", "((b))"),
    ],
)
def test_one_node_changes_and_the_rest_stays(source: str, pattern: str, change: str, after: str) -> None:
    assert changed(source, pattern, change) == after


@pytest.mark.parametrize(
    ("source", "pattern"),
    [
        ("f(a)", "g(_)"),
        ("f(a, b)", "f(_)"),
        ("f(a, b=1)", "f(_)"),
        ("f(a)", "f(..., b=_)"),
        ("f(a, b)", "f(_1, _1)"),
        ("if a:\n    b\n    c\n", "if _:\n    b"),
        ("{'b': 1}", '{"c": _}'),
        ("a.b", "a.c"),
        ("f(a) + f(b)", "f(_)"),
    ],
)
def test_what_is_not_one_node_is_refused(source: str, pattern: str) -> None:
    with pytest.raises(NotOneNode):
        changed(source, pattern, "x")
