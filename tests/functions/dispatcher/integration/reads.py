"""What a run reads of the collections that grow with the number of users."""

from collections.abc import Awaitable, Callable
from typing import Any

from functions.shared.records.subscription import SUBSCRIPTIONS
from local_cloud.rpc import Middleware


class Reads:
    """Middleware of Firestore that counts the documents of users and of subscriptions in its answers.

    Args:
        inner: middleware to wrap.
    """

    def __init__(self, inner: Middleware | None = None) -> None:
        self._inner = inner
        self.users = 0
        self.subscriptions = 0

    async def __call__(self, method: str, carry_out: Callable[[], Awaitable[Any]]) -> Any:
        """Take a call."""
        answer = await (self._inner(method, carry_out) if self._inner else carry_out())
        if method.endswith("/RunQuery"):
            return self._counted(answer, lambda response: response.document)
        if method.endswith("/BatchGetDocuments"):
            return self._counted(answer, lambda response: response.found)
        return answer

    async def _counted(self, answer: Any, document_of: Callable[[Any], Any]) -> Any:
        async for response in answer:
            collection = document_of(response).name.rpartition("/")[0].rpartition("/")[2]
            self.users += collection == "users"
            self.subscriptions += collection == SUBSCRIPTIONS
            yield response
