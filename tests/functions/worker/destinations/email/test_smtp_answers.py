"""What replies mean. test_smtp_session.py has one of each step, over sockets."""

import pytest

from functions.worker.destinations.email.smtp.answers import Reply, Step, outcome_of, outcome_of_loss
from functions.worker.destinations.outcome import NotAllowed, Refused, Throttled, Unavailable, Unclear

EVERY_CODE = [*range(-1, 1000)]


@pytest.mark.parametrize("step", Step)
def test_a_failure_is_never_taken_for_an_answer_that_lets_the_session_go_on(step: Step) -> None:
    goes_on = {code for code in EVERY_CODE if outcome_of(step, Reply(code, "")) is None}
    wanted = range(300, 400) if step in {Step.DATA, Step.LOGIN} else range(200, 300)
    assert goes_on == set(wanted)


@pytest.mark.parametrize("step", Step)
def test_only_the_end_of_the_message_leaves_an_outcome_unknown(step: Step) -> None:
    """And only where there is no reply, or none that is one."""
    unclear = {code for code in EVERY_CODE if isinstance(outcome_of(step, Reply(code, "")), Unclear)}
    is_end = step is Step.END
    assert unclear == (
        {code for code in EVERY_CODE if not 200 <= code <= 599 or 300 <= code <= 399} if is_end else set()
    )
    assert isinstance(outcome_of_loss(step, "it broke"), Unclear if is_end else Unavailable)


@pytest.mark.parametrize(
    ("step", "code", "outcome"),
    [
        (Step.CONNECT, 554, NotAllowed),
        (Step.STARTTLS, 454, Unavailable),
        (Step.STARTTLS, 502, Unavailable),
        (Step.AUTH, 454, Unavailable),
        (Step.AUTH, 504, NotAllowed),
        (Step.LOGIN, 535, NotAllowed),
        (Step.RSET, 500, Unavailable),
        (Step.RSET, 421, Throttled),
        (Step.MAIL, 421, Throttled),
        (Step.MAIL, 454, Throttled),
        (Step.MAIL, 530, NotAllowed),
        (Step.MAIL, 550, NotAllowed),
        (Step.MAIL, 552, Refused),
        (Step.MAIL, 553, NotAllowed),
        (Step.RCPT, 450, Unavailable),
        (Step.RCPT, 452, Throttled),
        (Step.RCPT, 530, NotAllowed),
        (Step.RCPT, 552, Refused),
        (Step.DATA, 451, Unavailable),
        (Step.END, 421, Throttled),
        (Step.END, 451, Unavailable),
        (Step.END, 454, Throttled),
        (Step.END, 530, NotAllowed),
        (Step.END, 550, Refused),
        (Step.END, 554, Refused),
    ],
)
def test_replies(step: Step, code: int, outcome: type) -> None:
    assert isinstance(outcome_of(step, Reply(code, "no")), outcome)
