"""Pages of a list: how many entries, and where the next page begins.

A page token belongs to its list: Firestore takes it with the same request only, apart from the size of the page
(https://firebase.google.com/docs/firestore/reference/rpc/google.firestore.v1#listdocumentsrequest).
"""

import base64
import binascii
from hashlib import sha256

from local_cloud.firestore.errors import invalid_argument
from local_cloud.firestore.messages import Message

_MARK = 8
"""Bytes that mark a token as one of a list."""


def page_size(request: Message) -> int:
    """The page size that a request asks for, 0 if it leaves it to the service.

    Raises:
        RpcError: INVALID_ARGUMENT, it is negative.
    """
    size: int = request.page_size
    if size < 0:
        raise invalid_argument("page_size is negative.")
    return size


def next_token(request: Message, place: bytes) -> str:
    """The token for the page after the one that a request got.

    Args:
        request: the request for the page before.
        place: what `place` is to return for the next page.
    """
    return base64.urlsafe_b64encode(_mark(request) + place).decode()


def place(request: Message) -> bytes:
    """Where the page that a request asks for begins, empty for the first page.

    Raises:
        RpcError: INVALID_ARGUMENT, its page token is malformed, or one of another list.
    """
    if not request.page_token:
        return b""
    try:
        decoded = base64.urlsafe_b64decode(request.page_token)
    except (binascii.Error, ValueError):
        decoded = b""
    if decoded[:_MARK] != _mark(request):
        raise invalid_argument("The page_token is not one that this list gave out.")
    return decoded[_MARK:]


def _mark(request: Message) -> bytes:
    listed = type(request)()
    listed.CopyFrom(request)
    listed.ClearField("page_token")
    listed.ClearField("page_size")
    return sha256(listed.SerializeToString(deterministic=True)).digest()[:_MARK]
