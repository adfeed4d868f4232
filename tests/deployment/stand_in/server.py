"""Projects behind a socket, and the program that calls it: Python, started for each call of gcloud, would take most of
the tests' time."""

import functools
import itertools
import socketserver
import threading
from collections.abc import Iterator

from tests.deployment.stand_in.project import Project

_PROGRAM = """\
#!/bin/bash
LC_ALL=C
exec 3<>"/dev/tcp/127.0.0.1/{port}"
given=""
case " $* " in *" --data-file=- "*) IFS= read -r -d "" given ;; esac
printf '%s\\0' {number} "$#" "$@" "$given" >&3
read -r -u 3 status length
# Not by cat, which would take as long to start as all of this.
if [ "$length" -ne 0 ]; then IFS= read -r -N "$length" -u 3 text; fi
if [ "$status" -ne 0 ]; then exec >&2; fi
printf '%s' "$text"
exit "$status"
"""


class Server(socketserver.ThreadingTCPServer):
    """Carries out calls about any number of projects."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        self.projects: list[Project] = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def program_for(self, project: Project) -> str:
        """The text of a gcloud that knows one project."""
        self.projects.append(project)
        return _PROGRAM.format(port=self.server_address[1], number=len(self.projects) - 1)


@functools.cache
def the_server() -> Server:
    """The one of this process, started when it is first asked for; it ends with the process."""
    return Server()


class _Call(socketserver.BaseRequestHandler):
    """One call: the project's number, the number of words, the words and the input, each with a zero byte after it."""

    server: Server

    def handle(self) -> None:
        fields = self._fields()
        number, count = int(next(fields)), int(next(fields))
        *words, given = itertools.islice(fields, count + 1)
        answer = self.server.projects[number].carry_out([word.decode() for word in words], given)
        if answer is None:
            # Until the caller is killed.
            self.request.recv(1)
        else:
            self.request.sendall(b"%d %d\n%b" % (answer.status, len(answer.text), answer.text))

    def _fields(self) -> Iterator[bytes]:
        rest = b""
        while part := self.request.recv(65536):
            *fields, rest = (rest + part).split(b"\0")
            yield from fields
