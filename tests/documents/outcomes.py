"""The events that the team's application gets, and the JSON schema of each, for docs/reference/outcomes.md."""

import ast
import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from functions.shared.outcome_topic import TYPE_PREFIX
from functions.shared.records.outcome import DATA_OF, OutcomeData, OutcomeType
from tests.documents.generated_parts import table


def _events(_part: str) -> str:
    said = dict(_attribute_docstrings(OutcomeType))
    rows = [
        (
            f"`{TYPE_PREFIX}{kind.value}`",
            said[kind.name],
            " or ".join(f"[`{data.__name__}`](#{data.__name__.lower()})" for data in classes),
        )
        for kind, classes in DATA_OF.items()
    ]
    return table(("`ce-type`", "says", "data"), rows)


def _schemas(_part: str) -> str:
    classes = dict.fromkeys(data for classes in DATA_OF.values() for data in classes)
    return "\n\n".join(
        f"### {data.__name__}\n\n```json\n{json.dumps(_schema(data), indent=2, ensure_ascii=False)}\n```"
        for data in classes
    )


def _schema(data: type[OutcomeData]) -> Mapping[str, Any]:
    schema = data.model_json_schema(mode="serialization")
    said = {name: text for each in reversed(data.__mro__) for name, text in _attribute_docstrings(each)}
    properties = {
        name: {key: value for key, value in each.items() if key != "title"}
        | ({"description": said[name]} if name in said else {})
        for name, each in schema["properties"].items()
    }
    # What is not known is left out.
    needed = [name for name, field in data.model_fields.items() if field.is_required()]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": data.__name__,
        "description": " ".join((data.__doc__ or "").replace("`", "").split()),
        "type": "object",
        "properties": properties,
        "required": needed,
    }


def _attribute_docstrings(of: type) -> Iterator[tuple[str, str]]:
    if not issubclass(of, OutcomeData | OutcomeType):
        return
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(of))).body
    assert isinstance(body, ast.ClassDef)
    for before, after in zip(body.body, body.body[1:], strict=False):
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            target = before.target if isinstance(before, ast.AnnAssign) else getattr(before, "targets", [None])[0]
            if isinstance(target, ast.Name):
                yield target.id, " ".join(str(after.value.value).split())


PARTS = {"events": _events, "schemas": _schemas}
