"""Ctrl-C during `make faults`."""

from tests.support import interrupt


def test_ctrl_c_shows_what_was_played_and_ends_in_one_line() -> None:
    ended = interrupt("proof.faults", "--reports", "16", "--seed", "1", "--provider", "smtp", after_lines=2)
    assert (ended.status, ended.said) == (130, "")
    seed, first, *rest = ended.printed.splitlines()
    assert seed == "seed 1"
    assert first.startswith("1/")
    _, _, scenario = first.partition(": ")[0].partition(" ")
    assert scenario in "\n".join(rest)
    assert rest[-1].startswith("Stopped: ")
