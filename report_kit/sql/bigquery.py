"""BigQuery, by Google's client. Whether it may write is decided by the roles of the service account alone."""

import re
from typing import TYPE_CHECKING, Any

from report_kit.report import PermanentError
from report_kit.sql.definition import Limits
from report_kit.sql.dialect import Dialect, Failure

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

_ANSWER_SECONDS = 2.0
"""How long after its time limit BigQuery may take to say that a job was ended by it."""

_PERMANENT = {
    "accessDenied",
    "billingNotEnabled",
    "billingTierLimitExceeded",
    "bytesBilledLimitExceeded",
    "invalid",
    "invalidQuery",
    "invalidUser",
    "notFound",
    "notImplemented",
    "policyViolation",
    "responseTooLarge",
}
"""https://cloud.google.com/bigquery/docs/error-messages"""

_TIMED_OUT = {"stopped", "timeout"}
_POSITION = re.compile(r"\[(\d+):\d+\]")


class BigQuery(Dialect):
    """Runs each query as a job of its own, with a time limit and a limit of bytes billed."""

    name = "bigquery"

    def engine(self, url: "URL") -> "Engine":
        """See Dialect. Connections cost nothing: they share a client. A ping would be a query that is paid for."""
        from google.cloud import bigquery
        from google.cloud.bigquery.retry import DEFAULT_RETRY
        from sqlalchemy import NullPool, create_engine, event

        if unknown := set(url.query) - {"location"}:
            raise PermanentError(
                f"there is no {min(unknown)} in the URL of BigQuery: expected bigquery://PROJECT/DATASET?location=EU"
            )

        class TimedClient(bigquery.Client):
            """Left to itself, the client tries for ten minutes."""

            def query_and_wait(self, query: str, **arguments: Any) -> Any:
                seconds = int(arguments["job_config"].job_timeout_ms) / 1000 + _ANSWER_SECONDS
                arguments |= {"retry": DEFAULT_RETRY.with_timeout(seconds), "job_retry": None}
                return super().query_and_wait(query, **arguments, api_timeout=seconds, wait_timeout=seconds)

        location = url.query.get("location")
        client = TimedClient(project=url.host or None, location=location if isinstance(location, str) else None)
        default_dataset = f"{client.project}.{url.database}" if url.database else None
        engine = create_engine(
            f"bigquery://{client.project}?user_supplied_client=true",
            connect_args={"client": client, "prefer_bqstorage_client": False},
            poolclass=NullPool,
            hide_parameters=True,
        )

        @event.listens_for(engine, "do_execute")
        def execute(cursor: Any, statement: str, parameters: Any, context: Any) -> bool:
            limits: Limits = context.execution_options["limits"]
            cursor.arraysize = limits.rows + 1
            config = bigquery.QueryJobConfig(job_timeout_ms=limits.seconds * 1000, labels={"source": "reports"})
            if default_dataset:
                config.default_dataset = default_dataset
            if limits.bytes is not None:
                config.maximum_bytes_billed = limits.bytes
            cursor.execute(statement, parameters, job_config=config)
            return True

        return engine

    def limit(self, connection: "Connection", limits: Limits) -> None:
        """See Dialect. They go with the query itself."""

    def errors(self) -> tuple[type[Exception], ...]:
        """See Dialect. The pages of a result are fetched past SQLAlchemy, which then translates nothing."""
        from google.api_core.exceptions import GoogleAPIError
        from google.auth.exceptions import GoogleAuthError
        from sqlalchemy.exc import SQLAlchemyError

        return SQLAlchemyError, GoogleAPIError, GoogleAuthError, OSError

    def failure(self, error: Exception) -> Failure:
        """See Dialect."""
        from google.api_core.exceptions import GoogleAPICallError, RetryError
        from google.cloud.bigquery.dbapi import DatabaseError

        cause: Any = getattr(error, "orig", error)
        if isinstance(cause, DatabaseError) and cause.args:
            cause = cause.args[0]
        if isinstance(cause, RetryError) and cause.cause is not None:
            cause = cause.cause
        if not isinstance(cause, GoogleAPICallError):
            return Failure(
                message=str(cause.args[0] if getattr(cause, "args", None) else cause),
                took_too_long=isinstance(cause, TimeoutError),
            )
        first = cause.errors[0] if cause.errors else {}
        reason = first.get("reason", "") if isinstance(first, dict) else ""
        message = first.get("message", "") if isinstance(first, dict) else ""
        position = _POSITION.search(message)
        return Failure(
            message=message or str(cause.message),
            is_permanent=reason in _PERMANENT,
            took_too_long=reason in _TIMED_OUT,
            line=int(position[1]) - 1 if position else 0,
        )
