"""The explanation of a query: the indexes it uses, and what it cost.

https://firebase.google.com/docs/firestore/query-explain
"""

from local_cloud.firestore.execution import Execution
from local_cloud.firestore.messages import ExplainMetrics, Message
from local_cloud.firestore.paths import format_field_path
from local_cloud.firestore.query import Query


def plan(query: Query, execution: Execution) -> Message:
    """The `ExplainMetrics` of a query that was only planned."""
    metrics = ExplainMetrics()
    for properties in execution.indexes_used:
        if query.nearest is not None:
            vector = f"{format_field_path(query.nearest.path)} VECTOR<{len(query.nearest.vector)}>"
            properties = f"{properties[:-1]}, {vector})"
        metrics.plan_summary.indexes_used.add().update(
            {"properties": properties, "query_scope": "Collection group" if query.descendants else "Collection"}
        )
    return metrics


def analysis(query: Query, execution: Execution, returned: int, reads: int, seconds: float) -> Message:
    """The `ExplainMetrics` of a query that was carried out.

    Args:
        query: the query.
        execution: its run, which has ended.
        returned: the number of results.
        reads: the document reads that it is billed.
        seconds: how long it took.
    """
    metrics = plan(query, execution)
    stats = metrics.execution_stats
    stats.results_returned = returned
    stats.read_operations = reads
    stats.execution_duration.FromMicroseconds(max(1, int(seconds * 1_000_000)))
    stats.debug_stats.update(
        {
            "documents_scanned": str(execution.documents_examined),
            "index_entries_scanned": str(execution.index_entries_examined),
            "billing_details": {
                "documents_billable": str(reads),
                "index_entries_billable": "0",
                "min_query_cost": "0",
                "small_ops": "0",
            },
        }
    )
    return metrics
