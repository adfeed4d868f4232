"""google.iam.v1.IAMPolicy for all resources of Pub/Sub: policies are kept, and no caller is refused.

https://cloud.google.com/pubsub/docs/access-control
"""

import uuid
from typing import Any

import grpc
from google.iam.v1 import iam_policy_pb2, policy_pb2

from local_cloud.pubsub.broker import Broker
from local_cloud.pubsub.names import short_name
from local_cloud.rpc import Method, RpcError

SERVICE = "google.iam.v1.IAMPolicy"

METHODS = (
    Method(name="SetIamPolicy", request=iam_policy_pb2.SetIamPolicyRequest, response=policy_pb2.Policy),
    Method(name="GetIamPolicy", request=iam_policy_pb2.GetIamPolicyRequest, response=policy_pb2.Policy),
    Method(
        name="TestIamPermissions",
        request=iam_policy_pb2.TestIamPermissionsRequest,
        response=iam_policy_pb2.TestIamPermissionsResponse,
    ),
)


class IamService:
    """The methods of the IAMPolicy service."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def set_iam_policy(self, request: Any, _context: Any) -> Any:
        current = self._policy(request.resource)
        if request.policy.etag and request.policy.etag != current.etag:
            raise RpcError(grpc.StatusCode.ABORTED, "The policy was changed since it was read: its etag is another.")
        current.CopyFrom(request.policy)
        current.etag = uuid.uuid4().bytes
        return current

    async def get_iam_policy(self, request: Any, _context: Any) -> Any:
        return self._policy(request.resource)

    async def test_iam_permissions(self, request: Any, _context: Any) -> Any:  # noqa: PT019  an RPC, not a test
        # An empty set, not NOT_FOUND, where there is no such resource: google/iam/v1/iam_policy.proto says so.
        held = [] if self._find(request.resource) is None else request.permissions
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=held)

    def _find(self, name: str) -> Any:
        broker = self._broker
        resources = (broker.topics, broker.subscriptions, broker.snapshots, broker.schemas.schemas)
        return next((found[name] for found in resources if name in found), None)

    def _policy(self, name: str) -> Any:
        resource = self._find(name)
        if resource is None:
            raise RpcError(grpc.StatusCode.NOT_FOUND, f"Resource not found (resource={short_name(name)}).")
        return resource.policy
