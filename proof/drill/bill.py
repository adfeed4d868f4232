"""What drills have cost, by the bill: the detailed export of Cloud Billing to BigQuery names the resource of each cost,
and a drill's name is in the names of all that it makes.

Cloud Tasks, Pub/Sub, and Cloud Build name none there.
https://cloud.google.com/billing/docs/how-to/export-data-bigquery-tables/detailed-usage
"""

import re
from datetime import UTC, datetime
from typing import Any

from deployment.engine.credentials import session
from deployment.engine.discovery import Request, Resource, method
from deployment.engine.google_client import GoogleClient
from operations.errors import OperatorError
from proof.drill.settings import NAME

COLUMNS = ("drill", "service", "cost", "currency")

_TABLE = r"[a-zA-Z0-9_:.-]+\.[a-zA-Z0-9_]+\.[a-zA-Z0-9_]+"
_QUERY = """
SELECT
  REGEXP_EXTRACT(
    CONCAT(IFNULL(resource.name, ''), ' ', IFNULL(resource.global_name, '')),
    r'{drill}'
  ) AS drill,
  service.description AS service,
  ROUND(SUM(cost + IFNULL((SELECT SUM(amount) FROM UNNEST(credits)), 0)), 4) AS cost,
  currency
FROM `{table}`
WHERE project.id = @project
GROUP BY drill, service, currency
HAVING drill IS NOT NULL
ORDER BY drill, service
"""


def costs(project: str, table: str) -> list[dict[str, Any]]:
    """The costs of all drills of a project, a row for each service, with the keys of COLUMNS.

    Args:
        project: where the drills took place, and where the query is paid for.
        table: that of the detailed export, `PROJECT.DATASET.TABLE`.

    Raises:
        OperatorError: the table is not named so, or BigQuery takes too long.
        deployment.engine.google_error.GoogleError: BigQuery does not answer the query.
    """
    asked = request_of(project, table)
    answer = GoogleClient(session(project), project, now=lambda: datetime.now(UTC)).send(asked)
    if not answer.get("jobComplete"):
        raise OperatorError("BigQuery takes longer than a minute for the bill: run this again.")
    return rows_of(answer)


def request_of(project: str, table: str) -> Request:
    """The request for them."""
    if not re.fullmatch(_TABLE, table):
        raise OperatorError(f"--bill {table}: name the table of the detailed export, PROJECT.DATASET.TABLE.")
    question = {
        "query": _QUERY.format(drill=NAME, table=table),
        "useLegacySql": False,
        "parameterMode": "NAMED",
        "queryParameters": [
            {"name": "project", "parameterType": {"type": "STRING"}, "parameterValue": {"value": project}}
        ],
        "timeoutMs": 60_000,
    }
    return method("bigquery", "v2", "jobs.query").request(project, question)


def rows_of(answer: Resource) -> list[dict[str, Any]]:
    """The rows of an answer."""
    return [dict(zip(COLUMNS, (cell["v"] for cell in row["f"]), strict=True)) for row in answer.get("rows", [])]
