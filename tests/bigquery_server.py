"""As much of BigQuery's REST API as Google's client calls for a query, with Google's answers, at an address of its own.

SQLite runs the queries: the plain SELECTs of both are alike, and both name a parameter @name. What BigQuery checks
before it runs one is checked here: types and values of parameters, bytes billed, the time limit of a job. Tokens are
given for a service account's signed request, and are checked.
https://cloud.google.com/bigquery/docs/reference/rest/v2/jobs/query
"""

import contextlib
import json
import re
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PROJECT, LOCATION = "analytics-test", "EU"

_QUERY_FIELDS = {
    *("query", "defaultDataset", "maxResults", "timeoutMs", "jobTimeoutMs", "useLegacySql", "parameterMode"),
    *("queryParameters", "location", "formatOptions", "labels", "maximumBytesBilled", "requestId", "useQueryCache"),
}
_QUOTED = re.compile(r"@`(\w+)`")
_PARAMETER = re.compile(r"@(\w+)")
_PAGE_ROWS = 400
"""BigQuery ends a page at 10 MB, whatever number of rows was asked for."""
_AUDIENCE = "https://oauth2.googleapis.com/token"
"""Whom service accounts ask for tokens, wherever the request goes."""
_TOKEN = "ya29.of-the-test-server"


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


@dataclass
class Job:
    """A query that was run.

    Attributes:
        configuration: as it was asked for.
        schema: the fields of the result.
        rows: the result.
        error: what ended it; None where it is done.
    """

    id: str
    configuration: dict[str, Any]
    schema: list[dict[str, str]] = field(default_factory=list)
    rows: list[Sequence[Any]] = field(default_factory=list)
    error: Refused | None = None


class BigQueryServer:
    """One project. Safe for threads.

    Args:
        database: an SQLite file, the tables of the default dataset.
        types: BigQuery's types of columns of results, by name, where SQLite has none of the kind, such as NUMERIC.

    Attributes:
        bytes_processed: by each query, for what may be billed.
        denied: tables that the service account may not read.
        faults: answers for the next requests in the place of their own.
        requests: method and path of each request, in order, without those for tokens.
        jobs: by id, in order.
    """

    def __init__(self, database: Path, types: dict[str, str]) -> None:
        self.bytes_processed = 10_485_760
        self.denied: set[str] = set()
        self.faults: list[Refused] = []
        self.requests: list[tuple[str, str]] = []
        self.jobs: dict[str, Job] = {}
        self.address = ""
        self._database = database
        self._types = types
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def credentials(self) -> dict[str, str]:
        """The key file of a service account, whose tokens this server gives."""
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "k1",
            "private_key": pem.decode(),
            "client_email": f"worker@{PROJECT}.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": f"{self.address}/token",
        }

    def token(self, form: dict[str, list[str]]) -> dict[str, Any]:
        """Answer a request for a token."""
        try:
            claims = jwt.decode(form["assertion"][0], self._key.public_key(), algorithms=["RS256"], audience=_AUDIENCE)
        except (KeyError, jwt.InvalidTokenError) as error:
            raise Refused(400, "invalid_grant", str(error)) from error
        if "bigquery" not in claims["scope"] and "cloud-platform" not in claims["scope"]:
            raise Refused(403, "insufficientPermissions", "Request had insufficient authentication scopes.")
        return {"access_token": _TOKEN, "expires_in": 3600, "token_type": "Bearer"}

    def answer(self, method: str, path: str, arguments: dict[str, str], body: dict[str, Any], token: str) -> Any:
        """Answer a request to the API."""
        self.requests.append((method, path))
        if token != f"Bearer {_TOKEN}":
            raise Refused(401, "authError", "Request had invalid authentication credentials.")
        if self.faults:
            raise self.faults.pop(0)
        parts = path.strip("/").split("/")
        match method, parts[4:] if parts[:4] == ["bigquery", "v2", "projects", PROJECT] else parts:
            case "POST", ["queries"]:
                return self._query(body)
            case "GET", ["queries", job_id]:
                return self._results(self._job(job_id), arguments)
            case "GET", ["jobs", job_id]:
                return self._resource(self._job(job_id))
            case "POST", ["jobs", job_id, "cancel"]:
                return {"kind": "bigquery#jobCancelResponse", "job": self._resource(self._job(job_id))}
        raise Refused(404, "notFound", f"Not found: {method} {path}")

    def _job(self, job_id: str) -> Job:
        if job_id not in self.jobs:
            raise Refused(404, "notFound", f"Not found: Job {PROJECT}:{LOCATION}.{job_id}")
        return self.jobs[job_id]

    def _query(self, body: dict[str, Any]) -> dict[str, Any]:
        if unknown := body.keys() - _QUERY_FIELDS:
            raise Refused(400, "invalid", f"Unknown name {min(unknown)}")
        if body.get("useLegacySql") is not False:
            raise Refused(400, "invalid", "This server knows GoogleSQL alone.")
        if body.get("location", LOCATION) != LOCATION:
            raise Refused(
                404, "notFound", f"Not found: Dataset {PROJECT}:shop was not found in location {body['location']}"
            )
        if not isinstance(body.get("maximumBytesBilled", ""), str):
            raise Refused(400, "invalid", "Invalid value for maximumBytesBilled: an int64 is a string in JSON")
        job = Job(f"job_{len(self.jobs)}", body)
        self.jobs[job.id] = job
        try:
            self._run(job)
        except Refused as refused:
            job.error = refused
            raise
        return self._results(job, {"maxResults": str(body.get("maxResults", _PAGE_ROWS))})

    def _run(self, job: Job) -> None:
        body = job.configuration
        query = _QUOTED.sub(r"@\1", body["query"])
        values = {}
        for each in body.get("queryParameters", []):
            values[each["name"]] = _bound(each)
        for match in _PARAMETER.finditer(query):
            if match[1] not in values:
                raise Refused(400, "invalidQuery", f"Query parameter '{match[1]}' not found at {_at(query, match[0])}")
        limit = int(body.get("maximumBytesBilled", 2**62))
        if self.bytes_processed > limit:
            raise Refused(
                400,
                "bytesBilledLimitExceeded",
                f"Query exceeded limit for bytes billed: {limit}. {self.bytes_processed} or higher required.",
            )
        for table in self.denied:
            if table in query:
                name = f"{PROJECT}:shop.{table}"
                raise Refused(
                    403,
                    "accessDenied",
                    f"Access Denied: Table {name}: User does not have permission to query table {name}",
                )
        milliseconds = int(body.get("jobTimeoutMs", 10**9))
        over_at = time.monotonic() + milliseconds / 1000
        with contextlib.closing(sqlite3.connect(f"{self._database.as_uri()}?mode=ro", uri=True)) as connection:
            connection.set_progress_handler(lambda: time.monotonic() > over_at, 1_000)
            connection.create_function("date", 2, lambda at, zone: str(at)[:10])
            try:
                cursor = connection.execute(query, values)
                job.rows = cursor.fetchall()
            except sqlite3.OperationalError as error:
                raise _refusal(error, query, milliseconds) from error
        names = [each[0] for each in cursor.description]
        job.schema = [
            {
                "name": name,
                "type": self._types.get(name) or _type_of([row[index] for row in job.rows]),
                "mode": "NULLABLE",
            }
            for index, name in enumerate(names)
        ]

    def _results(self, job: Job, arguments: dict[str, str]) -> dict[str, Any]:
        if job.error:
            raise job.error
        first = int(arguments.get("pageToken") or arguments.get("startIndex") or 0)
        asked = int(arguments["maxResults"]) if "maxResults" in arguments else _PAGE_ROWS
        page = job.rows[first : first + min(asked, _PAGE_ROWS)]
        answer = {
            "kind": "bigquery#queryResponse",
            "jobReference": {"projectId": PROJECT, "jobId": job.id, "location": LOCATION},
            "schema": {"fields": job.schema},
            "jobComplete": True,
            "totalRows": str(len(job.rows)),
            "totalBytesProcessed": str(self.bytes_processed),
            "rows": [
                {"f": [{"v": _written(value, each["type"])} for value, each in zip(row, job.schema, strict=True)]}
                for row in page
            ],
        }
        if page and first + len(page) < len(job.rows):
            answer["pageToken"] = str(first + len(page))
        return answer

    def _resource(self, job: Job) -> dict[str, Any]:
        return {
            "kind": "bigquery#job",
            "id": f"{PROJECT}:{LOCATION}.{job.id}",
            "jobReference": {"projectId": PROJECT, "jobId": job.id, "location": LOCATION},
            "configuration": {
                "jobType": "QUERY",
                "query": {
                    "query": job.configuration["query"],
                    "useLegacySql": False,
                    "destinationTable": {"projectId": PROJECT, "datasetId": "_anonymous", "tableId": f"anon_{job.id}"},
                },
            },
            "status": {"state": "DONE"},
            "statistics": {"creationTime": "1", "startTime": "1", "endTime": "1", "query": {"statementType": "SELECT"}},
        }


@contextlib.contextmanager
def serving(server: BigQueryServer) -> Iterator[None]:
    """Serve on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Answers are small, and go out as they are written.
        wbufsize = -1

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, *args: object) -> None:
            """Stay silent."""

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            url = urlsplit(self.path)
            try:
                if url.path == "/token":
                    answer: Any = server.token(parse_qs(body.decode()))
                else:
                    arguments = {key: values[0] for key, values in parse_qs(url.query).items()}
                    token = self.headers.get("Authorization", "")
                    answer = server.answer(self.command, url.path, arguments, json.loads(body or b"{}"), token)
                status = 200
            except Refused as refused:
                status = refused.status
                error = {"reason": refused.reason, "message": str(refused), "domain": "global"}
                answer = {"error": {"code": status, "message": str(refused), "errors": [error]}}
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server.address = f"http://127.0.0.1:{http.server_address[1]}"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield
        finally:
            http.shutdown()
            thread.join()


def _bound(parameter: dict[str, Any]) -> Any:
    """The value of a parameter for SQLite, checked by its type."""
    name, kind = parameter["name"], parameter["parameterType"]["type"]
    value = parameter["parameterValue"].get("value")
    if value is not None and not isinstance(value, str):
        raise Refused(400, "invalid", f"Invalid value for parameter {name}: values are strings in JSON")
    try:
        match kind:
            case "STRING":
                return value
            case "INT64":
                # Of 64 bits, or OverflowError.
                return (
                    None
                    if value is None
                    else int.from_bytes(int(value).to_bytes(8, "big", signed=True), "big", signed=True)
                )
            case "NUMERIC" | "BIGNUMERIC":
                return None if value is None else float(Decimal(value))
            case "FLOAT64":
                return None if value is None else float(value)
            case "BOOL":
                return None if value is None else {"true": 1, "false": 0}[value.lower()]
            case "DATE":
                return None if value is None else date.fromisoformat(value).isoformat()
            case "TIMESTAMP":
                if value is None:
                    return None
                moment = datetime.fromisoformat(value)
                if moment.tzinfo is None:
                    moment = moment.replace(tzinfo=UTC)
                return moment.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")
    except (ValueError, KeyError, OverflowError, InvalidOperation):
        raise Refused(400, "invalid", f"Invalid value for type {kind}: parameter {name}") from None
    raise Refused(400, "invalid", f"Invalid type of parameter {name}: {kind}")


def _written(value: Any, kind: str) -> str | None:
    if value is None:
        return None
    match kind:
        case "TIMESTAMP":
            moment = datetime.fromisoformat(value).replace(tzinfo=UTC)
            return str(int(moment.timestamp() * 1_000_000))
        case "BOOLEAN":
            return "true" if value else "false"
        case _:
            return str(value)


def _type_of(values: Sequence[Any]) -> str:
    first = next((value for value in values if value is not None), "")
    return {int: "INTEGER", float: "FLOAT"}.get(type(first), "STRING")


def _refusal(error: sqlite3.OperationalError, query: str, milliseconds: int) -> Refused:
    text = str(error)
    if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
        seconds = milliseconds // 1000
        return Refused(499, "stopped", f"Job execution was cancelled: Job timed out after {seconds} sec")
    if match := re.fullmatch(r"no such table: (\S+)", text):
        return Refused(
            404, "notFound", f"Not found: Table {PROJECT}:shop.{match[1]} was not found in location {LOCATION}"
        )
    if match := re.fullmatch(r"no such column: (\S+)", text):
        return Refused(400, "invalidQuery", f"Unrecognized name: {match[1]} at {_at(query, match[1])}")
    match = re.search(r'near "(\w+)"', text)
    word = match[1] if match else query[:1]
    return Refused(400, "invalidQuery", f'Syntax error: Unexpected identifier "{word}" at {_at(query, word)}')


def _at(query: str, word: str) -> str:
    before = query[: max(query.find(word), 0)]
    return f"[{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}]"
