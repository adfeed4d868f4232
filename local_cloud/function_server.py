"""Runs a function under functions-framework, as its own command does, but out of reach of web pages.

On Google Cloud only callers with a token of the project reach a function. On this machine every page in the developer's
browser could reach it.
"""

import argparse
import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import TYPE_CHECKING

import functions_framework
from functions_framework._http import create_server

from local_cloud.browser_wall import find_refusal

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


def behind_wall(app: "WSGIApplication") -> "WSGIApplication":
    """An application that refuses what a web page could have caused, with 403."""

    def answer(environment: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        def header(name: str) -> str | None:
            value: str | None = environment.get(f"HTTP_{name.upper().replace('-', '_')}")
            return value

        reason = find_refusal(environment["REQUEST_METHOD"], header)
        if reason is None:
            return app(environment, start_response)
        status = HTTPStatus.FORBIDDEN
        start_response(f"{status.value} {status.phrase}", [("Content-Type", "application/json")])
        return [json.dumps({"error": {"code": status.value, "message": reason}}).encode()]

    return answer


def main() -> None:
    """Serve a function until the process is ended."""
    parser = argparse.ArgumentParser(prog="python -m local_cloud.function_server")
    for option in ("source", "target", "signature-type", "host", "port"):
        parser.add_argument(f"--{option}", required=True)
    options = parser.parse_args()
    app = functions_framework.create_app(  # type: ignore[no-untyped-call]  # as all of functions-framework
        options.target, options.source, options.signature_type
    )
    app.wsgi_app = behind_wall(app.wsgi_app)
    create_server(app, debug=False).run(options.host, int(options.port))  # type: ignore[no-untyped-call]  # likewise


if __name__ == "__main__":
    main()
