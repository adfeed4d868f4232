"""The tutorial's function with the idempotency utility of Powertools for AWS Lambda in place of its mark.

As documented for a function that is not a Lambda handler: `idempotent_function` with the report's id as the key, and
the context registered, so that the record of a call that was killed does not hold longer than the function may run
(https://docs.aws.amazon.com/powertools/python/latest/utilities/idempotency/#lambda-timeouts). The records are in Redis
by the utility's own `CachePersistenceLayer`, where CACHE_URL names one, and otherwise in SQLite by a layer of the kind
that the utility documents (#bring-your-own-persistent-store on the same page).
"""

import os
import sqlite3
import time
from contextlib import closing
from datetime import datetime

import functions_framework
from aws_lambda_powertools.utilities.idempotency import BasePersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError,
    IdempotencyItemNotFoundError,
)
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import STATUS_CONSTANTS, DataRecord
from flask import Request

from proof.benchmarks.peers.apps.mail import send_mail

FUNCTION_SECONDS = 60
"""How long a call may take: a Cloud Run function's usual limit.
https://cloud.google.com/run/docs/configuring/request-timeout"""


class SqlitePersistenceLayer(BasePersistenceLayer):
    """Keeps the records in a SQLite file, in the same four steps as the utility's DynamoDB layer.

    Args:
        path: of the file.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        with closing(self._open()) as database:
            database.execute(
                "create table if not exists records "
                "(key text primary key, status, expiry, in_progress_expiry, response, payload_hash)"
            )

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=30, isolation_level=None)

    def _get_record(self, idempotency_key: str) -> DataRecord:
        with closing(self._open()) as database:
            row = database.execute("select * from records where key = ?", [idempotency_key]).fetchone()
        if row is None:
            raise IdempotencyItemNotFoundError
        return DataRecord(*row)

    def _put_record(self, data_record: DataRecord) -> None:
        """Write the record of a call that begins, unless one holds: not expired, and if it is in progress, not longer
        than its call could run."""
        now = datetime.now().timestamp()  # noqa: DTZ005  as the utility itself
        with closing(self._open()) as database:
            written = database.execute(
                "insert into records values (?, ?, ?, ?, ?, ?) on conflict (key) do update set "
                "status = excluded.status, expiry = excluded.expiry, in_progress_expiry = excluded.in_progress_expiry, "
                "response = excluded.response, payload_hash = excluded.payload_hash "
                "where expiry < ? or (status = ? and in_progress_expiry < ?)",
                [*_values(data_record), now, STATUS_CONSTANTS["INPROGRESS"], now * 1000],
            ).rowcount
        if not written:
            raise IdempotencyItemAlreadyExistsError

    def _update_record(self, data_record: DataRecord) -> None:
        with closing(self._open()) as database:
            database.execute("insert or replace into records values (?, ?, ?, ?, ?, ?)", _values(data_record))

    def _delete_record(self, data_record: DataRecord) -> None:
        with closing(self._open()) as database:
            database.execute("delete from records where key = ?", [data_record.idempotency_key])


def _values(record: DataRecord) -> list[object]:
    """A record in the order of the table's columns, which is that of DataRecord's parameters."""
    return [
        *(record.idempotency_key, record.status, record.expiry_timestamp, record.in_progress_expiry_timestamp),
        *(record.response_data, record.payload_hash),
    ]


class _Context:
    """The part of a Lambda context that the utility looks at."""

    def __init__(self) -> None:
        self._over_at = time.monotonic() + FUNCTION_SECONDS

    def get_remaining_time_in_millis(self) -> int:
        return round((self._over_at - time.monotonic()) * 1000)


def _persistence_layer() -> BasePersistenceLayer:
    if url := os.environ.get("CACHE_URL"):
        from aws_lambda_powertools.utilities.idempotency.persistence.cache import CachePersistenceLayer

        return CachePersistenceLayer(url=url, ssl=False)
    return SqlitePersistenceLayer(os.environ["RECORDS_FILE"])


_config = IdempotencyConfig(event_key_jmespath="delivery_id")


@idempotent_function(data_keyword_argument="report", config=_config, persistence_store=_persistence_layer())
def _send(*, report: dict[str, str]) -> dict[str, str]:
    send_mail(report["delivery_id"])
    return {"status": "sent"}


@functions_framework.http
def send_report(request: Request) -> dict[str, str]:
    """Send a report once, as far as the utility sees to it. Any error makes the queue call again."""
    _config.register_lambda_context(_Context())
    answer: dict[str, str] = _send(report={"delivery_id": request.get_json()["delivery_id"]})
    return answer
