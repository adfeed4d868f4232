"""Firestore's refusals, with the status codes that its clients act on."""

import grpc

from local_cloud.rpc import RpcError


def invalid_argument(message: str) -> RpcError:
    """The request is wrong whatever the state of the database."""
    return RpcError(grpc.StatusCode.INVALID_ARGUMENT, message)


def failed_precondition(message: str) -> RpcError:
    """The request is wrong for the present state of the database."""
    return RpcError(grpc.StatusCode.FAILED_PRECONDITION, message)


def not_found(message: str) -> RpcError:
    """What the request names does not exist."""
    return RpcError(grpc.StatusCode.NOT_FOUND, message)


def already_exists(message: str) -> RpcError:
    """What the request would create exists."""
    return RpcError(grpc.StatusCode.ALREADY_EXISTS, message)


def unimplemented(message: str) -> RpcError:
    """The local Firestore does not have this part of the service."""
    return RpcError(grpc.StatusCode.UNIMPLEMENTED, message)


def aborted(message: str) -> RpcError:
    """Another transaction was in the way; the client library starts the transaction again."""
    return RpcError(grpc.StatusCode.ABORTED, message)
