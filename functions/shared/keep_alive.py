"""How long a function's server keeps an idle connection: longer than its caller does.

A server that closes an idle connection first may do so just as a request is on its way on it: the caller then has no
answer, and cannot know whether the request was carried out.
"""

from gunicorn.config import Keepalive

IDLE_SECONDS = 620
"""Google's front ends keep a connection to a server for 600 seconds.
https://docs.cloud.google.com/load-balancing/docs/https/request-distribution"""


def keep_connections() -> None:
    """Have the server keep idle connections for IDLE_SECONDS. Call it when the function is imported.

    functions-framework starts the server after that, by gunicorn, and passes on no settings: no variable and no option
    of its own sets this one, for which gunicorn's default is 2 seconds.
    https://github.com/GoogleCloudPlatform/functions-framework-python/issues/241
    """
    Keepalive.default = IDLE_SECONDS
