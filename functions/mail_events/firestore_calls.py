"""How long a call of Firestore may take, and when it is repeated."""

from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.api_core.timeout import ConstantTimeout

_CALL_SECONDS = 10.0

RETRY = Retry(
    predicate=if_exception_type(
        exceptions.DeadlineExceeded,
        exceptions.InternalServerError,
        exceptions.ResourceExhausted,
        exceptions.ServiceUnavailable,
    ),
    initial=0.1,
    maximum=1.0,
    multiplier=2.0,
    timeout=_CALL_SECONDS,
)
ONE_CALL = ConstantTimeout(5.0)  # type: ignore[no-untyped-call]  # untyped in the library
