"""What the code answers over HTTP, for docs/reference/http.md."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus

from operations.console import pages
from tests.documents.generated_parts import table
from tests.support import REPOSITORY

_FUNCTIONS = REPOSITORY / "functions"
_ANSWER = "shared/serving/answer.py"
ANSWERING: Mapping[str, tuple[str, ...]] = {
    "Dispatcher": ("dispatcher/main.py",),
    "Worker": ("worker/main.py", _ANSWER, "worker/task_answer.py", "worker/transitions.py", "worker/send_report.py"),
    "DLQ handler": ("dlq_handler/main.py",),
    "Mail events": ("mail_events/main.py", _ANSWER),
    "Recipient's page": ("preferences/main.py",),
    "API": ("api/main.py", "api/call.py", "api/problem.py", "api/routes.py", "api/subscriptions.py"),
}
"""By section of the page, the files that choose the answers."""
_RAISED = {
    "BadRequest": HTTPStatus.BAD_REQUEST,
    "Conflict": HTTPStatus.CONFLICT,
    "InternalServerError": HTTPStatus.INTERNAL_SERVER_ERROR,
    "ServiceUnavailable": HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The errors of werkzeug that a function raises to answer with them."""


def statuses(section: str) -> set[int]:
    """The statuses that a function answers with."""
    found = set[int]()
    for file in ANSWERING[section]:
        source = (_FUNCTIONS / file).read_text(encoding="utf-8")
        found |= {HTTPStatus[name] for name in re.findall(r"HTTPStatus\.([A-Z_]+)", source)}
        found |= {status for name, status in _RAISED.items() if f"raise {name}" in source}
        if "NotAuthorized" in source:
            found |= {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE}
        if "@functions_framework.cloud_event" in source:
            found.add(HTTPStatus.OK)
    return found


def worker_words() -> tuple[set[str], set[str]]:
    """The results and the causes that the worker answers with."""
    results, causes = set[str](), set[str]()
    for file in (_FUNCTIONS / "worker").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for name, value in _named_texts(node):
                if name == "result":
                    results.add(value)
                elif name == "cause":
                    causes.add(value)
    sources = [(_FUNCTIONS / file).read_text(encoding="utf-8") for file in ("worker/main.py", _ANSWER)]
    return results | {word for each in sources for word in re.findall(r'json_answer\([\w.]+, "([\w-]+)"', each)}, causes


def _named_texts(node: ast.AST) -> Iterator[tuple[str, str]]:
    match node:
        case ast.keyword(arg=str(name), value=ast.Constant(value=str(text))):
            yield name, text
        case ast.Dict(keys=[ast.Constant(value=str(name))], values=[ast.Constant(value=str(text))]):
            yield name, text
        case ast.Assign(
            targets=[ast.Tuple(elts=[ast.Name(id=name), *_])], value=ast.Tuple(elts=[ast.Constant(value=str(text)), *_])
        ):
            yield name, text


def console_pages(_part: str) -> str:
    """The addresses of the console that show a page."""
    rows = []
    for module in pkgutil.iter_modules(pages.__path__):
        found = importlib.import_module(f"{pages.__name__}.{module.name}")
        # The frames of emails are parts of other pages, and the local cloud's are no one's bookmarks.
        routes = [route for route in getattr(found, "ROUTES", []) if "GET" in route.methods and module.name != "local"]
        rows += [
            (f"`{route.path}`", (route.endpoint.__doc__ or "").partition("\n\n")[0])
            for route in routes
            if not route.path.endswith("/mail")
        ]
    return table(("address", "shows"), rows)


PARTS = {"console": console_pages}
"""By name, what makes a part of the page."""
