"""The protobuf classes of google.cloud.tasks.v2, without the client library's wrapping, which is ten times slower."""

from typing import Any

from google.cloud.tasks_v2 import types

Queue: Any = types.Queue.pb()
RetryConfig: Any = types.RetryConfig.pb()
Task: Any = types.Task.pb()
HttpRequest: Any = types.HttpRequest.pb()
HttpMethod: Any = types.HttpMethod
Scheme: Any = types.UriOverride.Scheme
BatchCreateTasksResponse: Any = types.BatchCreateTasksResponse.pb()
BatchCreateTasksMetadata: Any = types.BatchCreateTasksMetadata.pb()
BatchDeleteTasksMetadata: Any = types.BatchDeleteTasksMetadata.pb()
ListQueuesResponse: Any = types.ListQueuesResponse.pb()
ListTasksResponse: Any = types.ListTasksResponse.pb()

FULL = int(types.Task.View.FULL)
BASIC = int(types.Task.View.BASIC)
RUNNING = int(types.Queue.State.RUNNING)
PAUSED = int(types.Queue.State.PAUSED)
