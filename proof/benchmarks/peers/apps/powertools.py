"""The tutorial's function with the idempotency utility of Powertools for AWS Lambda in place of its mark.

As documented for a function that is not a Lambda handler: `idempotent_function` with the report's id as the key, and
the context registered, so that the record of a call that was killed does not hold longer than the function may run
(https://docs.aws.amazon.com/powertools/python/latest/utilities/idempotency/#lambda-timeouts). The records are in Redis.
"""

import os
import time

import functions_framework
from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.persistence.cache import CachePersistenceLayer
from flask import Request

from proof.benchmarks.peers.apps.mail import send_mail

FUNCTION_SECONDS = 60
"""How long a call may take: a Cloud Run function's usual limit.
https://cloud.google.com/run/docs/configuring/request-timeout"""


class _Context:
    """The part of a Lambda context that the utility looks at."""

    def __init__(self) -> None:
        self._over_at = time.monotonic() + FUNCTION_SECONDS

    def get_remaining_time_in_millis(self) -> int:
        return round((self._over_at - time.monotonic()) * 1000)


_config = IdempotencyConfig(event_key_jmespath="delivery_id")
_records = CachePersistenceLayer(url=os.environ["CACHE_URL"], ssl=False)


@idempotent_function(data_keyword_argument="report", config=_config, persistence_store=_records)
def _send(*, report: dict[str, str]) -> dict[str, str]:
    send_mail(report["delivery_id"])
    return {"status": "sent"}


@functions_framework.http
def send_report(request: Request) -> dict[str, str]:
    """Send a report once, as far as the utility sees to it. Any error makes the queue call again."""
    _config.register_lambda_context(_Context())
    answer: dict[str, str] = _send(report={"delivery_id": request.get_json()["delivery_id"]})
    return answer
