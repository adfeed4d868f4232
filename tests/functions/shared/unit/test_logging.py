"""Addresses and secrets in what is logged."""

import json
import os
import re
import subprocess
import sys

import pytest

from functions.shared.logging import _redact, redact_addresses
from tests.support import REPOSITORY


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("to ada@example.com, bob@example.org;", "to [address], [address];"),
        ("<ada@example.com>", "<[address]>"),
        ("mailto:a.b+c@mail.example.com", "mailto:[address]"),
        ('"ada lovelace"@example.com', "[address]"),
        ("<!channel>@example.com", "<[address]"),
        ("adä@exämple.com", "[address]"),
        ("o'brien@x.com", "[address]"),
        ("'o'brien@x.com'", "'[address]'"),
        ("'ada@example.com'", "'[address]'"),
        ("it's ada's: d'arcy@x.com, o'neill@x.com", "it's ada's: [address], [address]"),
        ("ada%40example.com", "[address]"),
        ("/users?email=ada%40example.com&b=c", "[address]"),
        ("%3Cada%40example.com%3E", "[address]%3E"),
        ("ada%2540example%2ecom", "[address]"),
        ("100%40ada.example", "[address]"),
        ("a%40b%40example.com", "[address]"),
        ("50% off, ada%user@example.com", "50% off, [address]"),
        ("ada＠example.com", "[address]"),
        ("ada﹫example．com", "[address]"),
        ("アダ＠例え。テスト", "[address]"),
        ("ada@उदाहरण.परीक्षा", "[address]"),
        ("ada@example.com.", "[address]."),
        ("nobody@localhost", "[address]"),
        ("to jane@mailhost: refused", "to [address]: refused"),
        ("jane%40mailhost", "[address]"),
        ("<jane@[10.0.0.5]>", "<[address]>"),
        ("jane@[IPv6:2001:db8::1]", "[address]"),
        ("jane@doe@mailhost", "[address]"),
        ("jane,doe@example.com", "[address]"),
        ("jane;doe@example.com", "[address]"),
        ('jane"doe@example.com', "[address]"),
        ("jane<doe@example.com", "[address]"),
        ("jane(doe)@example.com", "[address]"),
        ("j[a]ne\\d,o(e)@mailhost", "[address]"),
        ("'jane'@example.com", "'[address]"),
        ("a@x.com,b@x.com;c@mailhost", "[address],[address];[address]"),
        ('{"to":["a@x.com","b@mailhost"]}', '{"to":["[address]","[address]"]}'),
        ("@property of a @decorator", "@property of a @decorator"),
        ("40%", "40%"),
        ("a%20b%2Ec", "a%20b%2Ec"),
        ("at @ noon", "at @ noon"),
    ],
)
def test_redacted(text: str, redacted: str) -> None:
    assert redact_addresses(text) == redacted


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "unit",
    [
        "n",
        "a@",
        '"',
        "a@b.",
        "@",
        '"a@',
        "n ",
        "n'",
        "'",
        "n''",
        "%",
        "%40",
        "n%40",
        "%4",
        "n%",
        "%25",
        "n＠n．",
        ".",
        "@.",
        "n,",
        'n"',
        "n,,",
        "n)@",
        "n,@",
        "@[",
        "n@[",
        "n@[1",
        "n@n@",
    ],
)
def test_a_long_text_takes_no_longer_than_its_length(unit: str) -> None:
    """They take a quarter of a second; with the square of its length they would take ten minutes and more."""
    redact_addresses(unit * 300_000)


def test_whatever_a_log_line_holds_is_redacted() -> None:
    line = {"a": ValueError("no ada@x.com"), "b": [{"ada@x.com": ("bob@x.com", 1)}], "c": b"ada@x.com", "d": True}
    assert _redact(None, "", line) == {
        "a": "ValueError('no [address]')",
        "b": [{"[address]": ["[address]", 1]}],
        "c": "[address]'",
        "d": True,
    }


@pytest.mark.parametrize("before", range(99_980, 100_001))
def test_an_address_that_a_line_has_no_room_for_leaves_no_part_of_it(before: int) -> None:
    [value] = _redact(None, "", {"a": "." * (before - 1) + " jane@example.com and more " * 3}).values()
    assert "jane" not in value
    assert not re.search(r" ja?n?\Z", value)


def test_a_line_has_no_more_of_a_value_than_cloud_logging_takes() -> None:
    line = {"a": "a" * 1_000_000, "b": ValueError("b" * 1_000_000)}
    assert all(len(value) <= 100_000 for value in _redact(None, "", line).values())


TRACE, OTHER = "105445aa7843bc8bf206b12000100000", "4bf92f3577b34da6a3ce929d0e0e4736"
TRACING = """
import structlog
from functions.shared.logging import configure_logging, trace_lines
from functions.shared.threads import Threads
from functions.shared.within import within
from functions.worker.time_limit import TimeLimit
configure_logging("worker")
logger = structlog.get_logger()
def lines(headers):
    trace_lines(headers.get)
    logger.info("here")
    with Threads(1) as threads:
        list(threads.map(logger.info, ["pool"]))
    within(9, lambda: logger.info("within"))
    TimeLimit(lambda: None).run(lambda: logger.info("limited"), seconds=9)
lines({"X-Cloud-Trace-Context": "105445aa7843bc8bf206b12000100000/1;o=1"})
lines({"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})
lines({"X-Cloud-Trace-Context": "x/../y"})
logger.critical("ends")
"""


@pytest.mark.starts_process
def test_lines_of_a_request_have_its_trace_in_whichever_thread_they_are_written() -> None:
    environment = {**os.environ, "GOOGLE_CLOUD_PROJECT": "my-project", "K_SERVICE": "acme-worker"}
    ended = subprocess.run(
        *([sys.executable, "-c", TRACING],),
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
        env=environment,
        timeout=60,
    )
    *lines, last = map(json.loads, ended.stdout.splitlines())
    found = [(line["message"], line.get("logging.googleapis.com/trace")) for line in lines]
    traces = [f"projects/my-project/traces/{TRACE}", f"projects/my-project/traces/{OTHER}", None]
    assert found == [(name, trace) for trace in traces for name in ("here", "pool", "within", "limited")]
    assert last["serviceContext"]["service"] == "acme-worker"


LOGGING = """
import logging
from functions.shared.logging import configure_logging, hide
configure_logging("worker")
hide(["hunter22", "tiny"])
logging.getLogger("a.kind").warning("no %s in a tiny shop, with %s", "ada@example.com", "hunter22")
logging.getLogger("a.kind").info("of ada@example.com")
try:
    raise ValueError("postgresql://ada:hunter22@db.example.com")
except ValueError:
    logging.log(35, "failed", exc_info=True)
"""


@pytest.mark.starts_process
def test_what_libraries_and_kinds_log_is_a_line_like_any_other() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", LOGGING], capture_output=True, text=True, check=True, cwd=REPOSITORY, timeout=60
    )
    first, second = map(json.loads, ended.stdout.splitlines())
    said = "no [address] in a tiny shop, with [secret]"
    assert (first["logger"], first["severity"], first["message"]) == ("a.kind", "WARNING", said)
    assert second["severity"] == "WARNING"
    assert "ValueError: postgresql://" in second["stack_trace"]
    assert "hunter22" not in ended.stdout + ended.stderr
    assert ended.stderr == ""
