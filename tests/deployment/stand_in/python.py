"""A python3 that has already started: a process with the standard library in it forks for each program of deploy.sh.

Starting Python and importing would take most of the tests' time. A fork has the arguments, variables, folder and
standard input of the process that asks for it, as Linux shows them in /proc.
"""

import functools
import gc
import importlib
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import time
import traceback
import types
from pathlib import Path

_PROGRAM = """\
#!/bin/bash
case "$1 $2" in "-S -E" | "-m deployment"*) ;; *) exec "{python}" "$@" ;; esac
LC_ALL=C
exec 3<>"/dev/tcp/127.0.0.1/{port}"
printf '%s\\0' $$ "$#" "$@" >&3
# Not by <&3, which would be this process's standard input meanwhile.
read -r -u 3 status printed length
# Not by cat, which would take as long to start as all of this.
if [ "$printed" -ne 0 ]; then IFS= read -r -N "$printed" -u 3 text; printf '%s' "$text"; fi
if [ "$length" -ne 0 ]; then IFS= read -r -N "$length" -u 3 text; printf '%s' "$text" >&2; fi
exit "$status"
"""

_LIBRARY = (
    *(
        "contextlib",
        "dataclasses",
        "datetime",
        "difflib",
        "enum",
        "fnmatch",
        "hashlib",
        "http.client",
        "ipaddress",
        "json",
    ),
    *(
        "pathlib",
        "re",
        "shutil",
        "smtplib",
        "ssl",
        "string",
        "typing",
        "urllib.error",
        "urllib.parse",
        "urllib.request",
    ),
    *("google.auth.transport.requests", "googleapiclient.discovery_cache", "jsonschema", "uritemplate"),
)
"""What the programs import."""


def real_python() -> str:
    """The text of a python3 that is this Python."""
    return f'#!/bin/bash\nexec "{sys.executable}" "$@"\n'


@functools.cache
def forking_python() -> str:
    """The text of a python3 that forks where it is called with `-S -E`, and is this Python otherwise. Without Linux's
    /proc it is always this Python."""
    if sys.platform != "linux":
        return real_python()
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        _running.append(
            subprocess.Popen(
                [sys.executable, "-E", __file__, str(listener.fileno())],
                env={"PATH": os.defpath},
                # It ends when this closes, however this process comes to its end.
                stdin=subprocess.PIPE,
                pass_fds=[listener.fileno()],
                start_new_session=True,
            )
        )
        return _PROGRAM.format(python=sys.executable, port=listener.getsockname()[1])


_running: list["subprocess.Popen[bytes]"] = []
"""The process that forks. As long as it is held here, its standard input stays open."""


_DEPLOYMENT = Path(__file__).parents[3] / "deployment"

_compiled: dict[bytes, types.CodeType] = {}
"""The programs, by their source: to compile one takes longer than to run it."""


def main() -> None:
    """Fork for each connection to the socket whose descriptor is the argument."""
    for module in _LIBRARY:
        importlib.import_module(module)
    for program in _DEPLOYMENT.glob("*.py"):
        source = program.read_bytes()
        _compiled[source] = compile(source, program, "exec")
    # Its regular expressions stay in the cache of `re`. Programs that need the module import their own.
    runpy.run_path(str(_DEPLOYMENT / "resource_diff.py"))
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as listener:
        while listener in select.select([sys.stdin, listener], [], [])[0]:
            connection, _ = listener.accept()
            with connection:
                if os.fork() == 0:
                    listener.close()
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    _answer(connection)
                    os._exit(0)


def _answer(connection: socket.socket) -> None:
    """Run the program that a connection asks for, and send its exit status and what it printed."""
    received = b""
    while received.count(b"\0") < 2 or received.count(b"\0") < int(received.split(b"\0")[1]) + 2:
        more = connection.recv(65536)
        if not more:
            # A test has killed the script while it asked.
            return
        received += more
    caller, _, *arguments = map(os.fsdecode, received[:-1].split(b"\0"))
    process = Path("/proc", caller)
    outputs = [os.memfd_create("standard output"), os.memfd_create("standard error")]
    for standard, opened in enumerate([os.open(process / "fd" / "0", os.O_RDONLY), *outputs]):
        os.dup2(opened, standard)
    os.chdir(process / "cwd")
    os.environb.clear()
    for variable in filter(None, (process / "environ").read_bytes().split(b"\0")):
        name, _, value = variable.partition(b"=")
        os.environb[name] = value
    status = _run(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    printed, said = (os.pread(output, os.fstat(output).st_size, 0) for output in outputs)
    connection.sendall(b"%d %d %d\n%b%b" % (status, len(printed), len(said), printed, said))


def _run(arguments: list[str]) -> int:
    """Run the program, or the module, that the arguments of Python name. Returns its exit status."""
    _, option, *sys.argv = arguments
    try:
        if option.startswith("deployment"):
            _run_module(option)
        else:
            _run_program()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return end.code or 0
        sys.stderr.write(f"{end.code}\n")
        return 1
    except BaseException:  # noqa: BLE001  as Python itself
        traceback.print_exc()
        return 1
    return 0


def _run_program() -> None:
    sys.path.insert(0, str(Path(sys.argv[0]).parent))
    program = types.ModuleType("__main__")
    program.__file__ = sys.argv[0]
    sys.modules["__main__"] = program
    source = Path(sys.argv[0]).read_bytes()
    exec(_compiled.get(source) or compile(source, sys.argv[0], "exec"), vars(program))  # noqa: S102


def _run_module(name: str) -> None:
    sys.path.insert(0, os.environ["PYTHONPATH"])
    # Waiting is not what is tested.
    time.sleep = lambda _: None
    sys.argv = [name, *sys.argv]
    runpy.run_module(name, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
