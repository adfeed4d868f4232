"""Shows a preview in a browser, and again whenever it changes. It answers this machine alone.

The page asks for changes by server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import html
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

_HOST = "127.0.0.1"
_WAIT_SECONDS = 15.0
"""How long a browser waits for a change before it hears that there is none yet."""
_POLL_SECONDS = 0.05

_SCRIPT = '<script>new EventSource("/changes?after={version}").onmessage = () => location.reload();</script>'
_NOTE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Preview</title></head>'
    '<body style="font: 16px/1.5 monospace; margin: 2em; white-space: pre-wrap">{text}</body></html>'
)


class PreviewServer:
    """A web server for one page. Use it as a context manager: it listens from the start to the end of the block, at
    any port that is free."""

    def __init__(self) -> None:
        self._page = _NOTE.format(text="")
        self._version = 0
        self._is_over = False
        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer((_HOST, 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": _POLL_SECONDS}, name="preview", daemon=True
        )

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{_HOST}:{self._server.server_port}/"

    def show(self, page: str) -> None:
        """Show an HTML page, and have every browser that shows an earlier one load it."""
        with self._changed:
            self._version += 1
            self._page = page
            self._changed.notify_all()

    def tell(self, text: str) -> None:
        """Show a text in place of the page, such as what is wrong with it."""
        self.show(_NOTE.format(text=html.escape(text)))

    def __enter__(self) -> "PreviewServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def _current(self) -> bytes:
        with self._changed:
            script = _SCRIPT.format(version=self._version)
            before, end, after = self._page.rpartition("</body>")
            return f"{before}{script}{end}{after}".encode()

    def _has_changed(self, after: int) -> bool:
        """Wait for a page that is newer; False where none comes in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._version > after or self._is_over, _WAIT_SECONDS)
            return self._version > after

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            """One request."""

            def do_GET(self) -> None:
                """Answer with the page, or with news of it."""
                # Another site's page can make a browser ask, by a name that it lets point to this machine.
                port = server._server.server_port
                hosts = {f"{name}:{port}" for name in (_HOST, "localhost")}
                origin = self.headers.get("Origin")
                if self.headers.get("Host") not in hosts or origin not in {None, *(f"http://{host}" for host in hosts)}:
                    self.send_error(HTTPStatus.FORBIDDEN)
                    return
                address = urlsplit(self.path)
                if address.path == "/":
                    self._answer("text/html; charset=utf-8", server._current())
                elif address.path == "/changes":
                    after = "".join(parse_qs(address.query).get("after", []))
                    changed = server._has_changed(int(after) if after.isdecimal() else 0)
                    self._answer("text/event-stream", b"data: changed\n\n" if changed else b": nothing yet\n\n")
                else:
                    self.send_error(HTTPStatus.NOT_FOUND)

            def _answer(self, media_type: str, body: bytes) -> None:
                self.send_response(HTTPStatus.OK)
                self.send_header("Content-Type", media_type)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Write nothing: the terminal is for what changes."""

        return Handler
