"""Serves the console on this machine."""

import getpass
import socket
import webbrowser

import uvicorn

from operations.console.access import LocalAccess
from operations.console.application import make_application
from operations.errors import OperatorError
from operations.output import notice
from operations.session import Session

HOST = "127.0.0.1"


def serve(session: Session, *, port: int, read_only: bool, in_browser: bool) -> None:
    """Serve the console until Ctrl-C.

    Args:
        session: the connection to what it works on.
        port: where it listens.
        read_only: whether nothing can be changed.
        in_browser: whether to open it in the operator's browser.

    Raises:
        NotConfigured: there is nothing to connect to.
        OperatorError: the port is taken.
    """
    hosts = [f"{name}:{port}" for name in (HOST, "localhost")]
    access = LocalAccess(_operator(), read_only=read_only)
    app = make_application(session, access, hosts=hosts, schemes=("http",))
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
    with _listen(port) as listening:
        notice(f"The console of {session.target.description}: http://{HOST}:{port}/ (Ctrl-C ends it)")
        if in_browser:
            webbrowser.open(f"http://{HOST}:{port}/")
        uvicorn.Server(config).run(sockets=[listening])


def _listen(port: int) -> socket.socket:
    # With the protocol named, asyncio sets TCP_NODELAY: without that, each page after the first waits 40 ms for an
    # acknowledgement. https://github.com/python/cpython/blob/3.13/Lib/asyncio/base_events.py (_set_nodelay)
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise OperatorError(f"Port {port} is taken: name another with --port.") from error
    return listening


def _operator() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "operator"
