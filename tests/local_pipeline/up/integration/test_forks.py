"""The process that forks others."""

import socket
from pathlib import Path

from local_pipeline.forked_server import forking_process
from tests.forked_python import ForkedPython, run_python


def test_a_caller_that_ends_before_it_has_asked_stops_no_other(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(forking_process(ForkedPython.__module__))
        connection.sendall(b"{")
    program = tmp_path / "program.py"
    program.write_text("print('it runs')")
    assert run_python(str(program), directory=tmp_path, environment={}).stdout == "it runs\n"
