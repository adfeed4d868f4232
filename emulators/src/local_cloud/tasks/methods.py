"""The methods of Cloud Tasks and of the services beside it: their messages, and how they are called over HTTP.

https://github.com/googleapis/googleapis/blob/master/google/cloud/tasks/v2/cloudtasks.proto
"""

from google.api.http_pb2 import HttpRule
from google.cloud.location import locations_pb2
from google.cloud.tasks_v2 import types
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty

from local_cloud.rpc import Method
from local_cloud.tasks import messages

CLOUD_TASKS = "google.cloud.tasks.v2.CloudTasks"
OPERATIONS = "google.longrunning.Operations"
LOCATIONS = "google.cloud.location.Locations"

_LOCATION = "projects/*/locations/*"
_QUEUE = f"{_LOCATION}/queues/*"
_TASK = f"{_QUEUE}/tasks/*"
_CMEK_CONFIG = f"{_LOCATION}/cmekConfig"


def _of_tasks(method: str, path: str, body: str = "") -> HttpRule:
    """The rule of a method that is served under v2beta3, too.

    A Task of v2beta3 has only one more field than v2 (`pullMessage`), while queues and operations differ more.
    gcloud-aio-taskqueue calls v2beta3:
    https://github.com/talkiq/gcloud-aio/blob/master/taskqueue/gcloud/aio/taskqueue/queue.py
    """
    rule = HttpRule(body=body, additional_bindings=[HttpRule(body=body)])
    setattr(rule, method, f"/v2/{path}")
    setattr(rule.additional_bindings[0], method, f"/v2beta3/{path}")
    return rule


_ALL_METHODS = (
    Method(
        name="ListQueues",
        request=types.ListQueuesRequest.pb(),
        response=types.ListQueuesResponse.pb(),
        http=HttpRule(get=f"/v2/{{parent={_LOCATION}}}/queues"),
    ),
    Method(
        name="GetQueue",
        request=types.GetQueueRequest.pb(),
        response=messages.Queue,
        http=HttpRule(get=f"/v2/{{name={_QUEUE}}}"),
    ),
    Method(
        name="CreateQueue",
        request=types.CreateQueueRequest.pb(),
        response=messages.Queue,
        http=HttpRule(post=f"/v2/{{parent={_LOCATION}}}/queues", body="queue"),
    ),
    Method(
        name="UpdateQueue",
        request=types.UpdateQueueRequest.pb(),
        response=messages.Queue,
        http=HttpRule(patch=f"/v2/{{queue.name={_QUEUE}}}", body="queue"),
    ),
    Method(
        name="DeleteQueue",
        request=types.DeleteQueueRequest.pb(),
        response=Empty,
        http=HttpRule(delete=f"/v2/{{name={_QUEUE}}}"),
    ),
    Method(
        name="PurgeQueue",
        request=types.PurgeQueueRequest.pb(),
        response=messages.Queue,
        http=HttpRule(post=f"/v2/{{name={_QUEUE}}}:purge", body="*"),
    ),
    Method(
        name="PauseQueue",
        request=types.PauseQueueRequest.pb(),
        response=messages.Queue,
        http=HttpRule(post=f"/v2/{{name={_QUEUE}}}:pause", body="*"),
    ),
    Method(
        name="ResumeQueue",
        request=types.ResumeQueueRequest.pb(),
        response=messages.Queue,
        http=HttpRule(post=f"/v2/{{name={_QUEUE}}}:resume", body="*"),
    ),
    Method(
        name="GetIamPolicy",
        request=iam_policy_pb2.GetIamPolicyRequest,
        response=policy_pb2.Policy,
        http=HttpRule(post=f"/v2/{{resource={_QUEUE}}}:getIamPolicy", body="*"),
    ),
    Method(
        name="SetIamPolicy",
        request=iam_policy_pb2.SetIamPolicyRequest,
        response=policy_pb2.Policy,
        http=HttpRule(post=f"/v2/{{resource={_QUEUE}}}:setIamPolicy", body="*"),
    ),
    Method(
        name="TestIamPermissions",
        request=iam_policy_pb2.TestIamPermissionsRequest,
        response=iam_policy_pb2.TestIamPermissionsResponse,
        http=HttpRule(post=f"/v2/{{resource={_QUEUE}}}:testIamPermissions", body="*"),
    ),
    Method(
        name="ListTasks",
        request=types.ListTasksRequest.pb(),
        response=messages.ListTasksResponse,
        http=_of_tasks("get", f"{{parent={_QUEUE}}}/tasks"),
    ),
    Method(
        name="GetTask",
        request=types.GetTaskRequest.pb(),
        response=messages.Task,
        http=_of_tasks("get", f"{{name={_TASK}}}"),
    ),
    Method(
        name="CreateTask",
        request=types.CreateTaskRequest.pb(),
        response=messages.Task,
        http=_of_tasks("post", f"{{parent={_QUEUE}}}/tasks", "*"),
    ),
    Method(
        name="BatchCreateTasks",
        request=messages.of_newer("BatchCreateTasksRequest"),
        response=operations_pb2.Operation,
        http=HttpRule(post=f"/v2/{{parent={_QUEUE}}}/tasks:batchCreate", body="*"),
    ),
    Method(
        name="DeleteTask",
        request=types.DeleteTaskRequest.pb(),
        response=Empty,
        http=_of_tasks("delete", f"{{name={_TASK}}}"),
    ),
    Method(
        name="BatchDeleteTasks",
        request=messages.of_newer("BatchDeleteTasksRequest"),
        response=operations_pb2.Operation,
        http=HttpRule(post=f"/v2/{{parent={_QUEUE}}}/tasks:batchDelete", body="*"),
    ),
    Method(
        name="RunTask",
        request=types.RunTaskRequest.pb(),
        response=messages.Task,
        http=_of_tasks("post", f"{{name={_TASK}}}:run", "*"),
    ),
    # These two are not implemented, and the answer says so.
    Method(
        name="GetCmekConfig",
        request=messages.of_newer("GetCmekConfigRequest"),
        response=messages.of_newer("CmekConfig"),
        http=HttpRule(get=f"/v2/{{name={_CMEK_CONFIG}}}"),
    ),
    Method(
        name="UpdateCmekConfig",
        request=messages.of_newer("UpdateCmekConfigRequest"),
        response=messages.of_newer("CmekConfig"),
        http=HttpRule(patch=f"/v2/{{cmek_config.name={_CMEK_CONFIG}}}", body="cmek_config"),
    ),
)

METHODS = tuple(filter(lambda method: method.request, _ALL_METHODS))
"""Those that the client library knows."""

OPERATION_METHODS = (
    Method(
        name="GetOperation",
        request=operations_pb2.GetOperationRequest,
        response=operations_pb2.Operation,
        http=HttpRule(get=f"/v2/{{name={_LOCATION}/operations/*}}"),
    ),
    Method(name="WaitOperation", request=operations_pb2.WaitOperationRequest, response=operations_pb2.Operation),
    Method(name="DeleteOperation", request=operations_pb2.DeleteOperationRequest, response=Empty),
)

LOCATION_METHODS = (
    Method(
        name="ListLocations",
        request=locations_pb2.ListLocationsRequest,
        response=locations_pb2.ListLocationsResponse,
        http=HttpRule(get="/v2/{name=projects/*}/locations"),
    ),
    Method(
        name="GetLocation",
        request=locations_pb2.GetLocationRequest,
        response=locations_pb2.Location,
        http=HttpRule(get=f"/v2/{{name={_LOCATION}}}"),
    ),
)
