"""Many changes of subscriptions in one call, each with an outcome of its own."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from itertools import groupby
from typing import Any, Literal
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from functions.api.call import Reply
from functions.api.problem import Problem, refusal_of
from functions.shared.threads import Threads

MOST_CHANGES = 100

_USERS_AT_ONCE = 8


class Change(BaseModel):
    """A call that changes a subscription: one of those by POST, PATCH and DELETE, but for send."""

    model_config = ConfigDict(extra="forbid", strict=True)

    method: Literal["POST", "PATCH", "DELETE"]
    path: str = Field(description="as in the address of the call", pattern="^/users/[^/]+/subscriptions(/|$)")
    body: dict[str, Any] = {}
    if_match: str | None = Field(None, description="the `etag` of the version to change; without it, of whichever")

    @property
    def user(self) -> str:
        """Whose subscription it is about."""
        return unquote(self.path.split("/")[2])


class Batch(BaseModel):
    """Changes."""

    model_config = ConfigDict(extra="forbid", strict=True)

    changes: list[Change] = Field(min_length=1, max_length=MOST_CHANGES)


class Outcome(BaseModel):
    """The answer to a change."""

    status: int
    body: Mapping[str, Any] | None = Field(description="the subscription as it is now, null if deleted, or a problem")


class Outcomes(BaseModel):
    """The answers to the changes of a batch."""

    outcomes: list[Outcome] = Field(description="one for each change, in the same order")


def carry_out_all(body: Mapping[str, Any], change: Callable[[Change], Outcome]) -> Reply:
    """Carry out the changes of a batch: of several users at once, and those of one user in their order.

    Args:
        body: of the call.
        change: carries out one; raises if it is refused.

    Raises:
        Problem: the body is no batch. Nothing is carried out.
    """
    try:
        changes = Batch.model_validate(body).changes
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        detail = f"{'.'.join(map(str, first['loc']))}: {first['msg']}."
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail) from error
    by_user = sorted(range(len(changes)), key=lambda number: changes[number].user)
    groups = [list(numbers) for _, numbers in groupby(by_user, key=lambda number: changes[number].user)]

    def carry_out(numbers: list[int]) -> list[tuple[int, Outcome]]:
        return [(number, _outcome(changes[number], change)) for number in numbers]

    with Threads(min(_USERS_AT_ONCE, len(groups))) as threads:
        done = [threads.submit(carry_out, numbers) for numbers in groups]
        outcomes = dict(each for part in done for each in part.result())
    return Reply({"outcomes": [outcomes[number].model_dump() for number in range(len(changes))]})


def _outcome(change: Change, carry_out: Callable[[Change], Outcome]) -> Outcome:
    try:
        return carry_out(change)
    except Exception as error:  # noqa: BLE001  it is logged there
        refusal = refusal_of(error)
        return Outcome(status=refusal.status.value, body=refusal.body)
