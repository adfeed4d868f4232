"""What a function sets of its server. functions-framework starts gunicorn, and passes on no settings.

No variable and no option of its own sets these, so the defaults change, for which the function must be imported first.
https://github.com/GoogleCloudPlatform/functions-framework-python/issues/241
"""

import os

from gunicorn.config import ControlSocketDisable, Keepalive

IDLE_SECONDS = 620
"""How long a server keeps an idle connection: longer than Google's front ends, which keep one for 600 seconds.
https://docs.cloud.google.com/load-balancing/docs/https/request-distribution

A server that closes an idle connection first may do so just as a request is on its way on it: the caller then has no
answer, and cannot know whether the request was carried out. gunicorn's default is 2 seconds.
"""


def configure_server() -> None:
    """Have the server keep idle connections for IDLE_SECONDS, open no control socket, and let a process sleep.

    Call it when the function is imported. The control socket is for `gunicornc` on the same machine, which nothing
    calls: without it the server need not start an event loop, and stop and start it again around its fork.
    https://gunicorn.org/reference/settings/#control_socket_disable

    functions-framework has gunicorn kill a process that shows no sign of life for CLOUD_RUN_TIMEOUT_SECONDS. Between
    requests Cloud Run takes the CPU from an instance, and so the request that wakes one would be killed with it.
    """
    # functions-framework reads it when it has imported the function. Without it there is no such time.
    os.environ.pop("CLOUD_RUN_TIMEOUT_SECONDS", None)
    Keepalive.default = IDLE_SECONDS
    ControlSocketDisable.default = True
