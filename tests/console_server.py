"""The console, served from this process."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import requests
import uvicorn

from operations.console.access import LocalAccess
from operations.console.application import make_application
from operations.console.console import Console
from operations.session import Session
from tests.support import PATIENCE_SECONDS, free_ports

OPERATOR = "ada"


@dataclass(frozen=True, kw_only=True)
class ConsoleServer:
    """A console that runs.

    Attributes:
        url: its address, without a slash at the end.
        console: what its pages work with.
    """

    url: str
    console: Console


@contextmanager
def serving(session: Session, *, read_only: bool = False) -> Iterator[ConsoleServer]:
    """A console, until the end of the block.

    Args:
        session: the connection to what it works on.
        read_only: whether nothing can be changed.
    """
    port = free_ports(1)
    host = f"127.0.0.1:{port}"
    app = make_application(session, LocalAccess(OPERATOR, read_only=read_only), hosts=[host], schemes=("http",))
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        yield ConsoleServer(url=f"http://{host}", console=app.state.console)
    finally:
        server.should_exit = True
        thread.join()


def wait_for_charts(url: str) -> str:
    """The overview of a console, once it has counted its charts.

    Args:
        url: the console's address, without a slash at the end.
    """
    while "It is being counted" in (page := requests.get(f"{url}/", timeout=PATIENCE_SECONDS).text):
        time.sleep(0.05)
    return page
