"""The templates of the deployment."""

from deployment.templates import fill


def test_fills_in_values_of_any_kind() -> None:
    template = {"a": "${NAME}", "b": ["${CHANNELS}"], "c": "${QUEUE_DEPTH}", "d": [{"e": "-${NAME}-"}], "f": 1}
    values = {"NAME": 'quote " and ${NAME}', "CHANNELS": ["x", "y"], "QUEUE_DEPTH": 18000}
    assert fill(template, values) == {
        "a": 'quote " and ${NAME}',
        "b": ["x", "y"],
        "c": 18000,
        "d": [{"e": '-quote " and ${NAME}-'}],
        "f": 1,
    }
