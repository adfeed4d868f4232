"""The protobuf classes of google.cloud.tasks.v2, without the client library's wrapping, which is ten times slower."""

from typing import Any

from google.cloud.tasks_v2 import types


def of_newer(name: str) -> Any:
    """A class that client libraries before 2.25 lack; None where this is such a one."""
    wrapper = getattr(types, name, None)
    return None if wrapper is None else wrapper.pb()


Queue: Any = types.Queue.pb()
RetryConfig: Any = types.RetryConfig.pb()
Task: Any = types.Task.pb()
HttpRequest: Any = types.HttpRequest.pb()
HttpMethod: Any = types.HttpMethod
BatchCreateTasksResponse: Any = of_newer("BatchCreateTasksResponse")
BatchCreateTasksMetadata: Any = of_newer("BatchCreateTasksMetadata")
BatchDeleteTasksMetadata: Any = of_newer("BatchDeleteTasksMetadata")
ListQueuesResponse: Any = types.ListQueuesResponse.pb()
ListTasksResponse: Any = types.ListTasksResponse.pb()

SCHEMES = {1: "http", 2: "https"}
"""Those of UriOverride.Scheme, by number."""

FULL = int(types.Task.View.FULL)
BASIC = int(types.Task.View.BASIC)
RUNNING = int(types.Queue.State.RUNNING)
PAUSED = int(types.Queue.State.PAUSED)
