"""The comparison with others: the plan of the faults, the counting, and this pipeline in a small run."""

from collections import Counter
from itertools import pairwise

import pytest

from functions.shared.settings import MailProviderName
from proof.benchmarks.peers import bench
from proof.benchmarks.peers.bench import Counts, count
from proof.benchmarks.peers.plan import Disruption, FaultKind, Happening, in_smtp, make_plan
from proof.benchmarks.peers.system import Told

FAILED, UNKNOWN = Told(failed=["r0", "r1"]), Told(unknown=["r0", "r1"])


@pytest.mark.parametrize(
    ("mails", "told", "expected"),
    [
        (1, Told(failed=["r1"]), Counts(once=1)),
        (2, Told(), Counts(doubled=1)),
        (0, Told(unknown=["r1"]), Counts(lost=1)),
        (0, FAILED, Counts(reported=1)),
        (1, FAILED, Counts(reported=1, called_failed=1)),
        (3, FAILED, Counts(doubled=1, called_failed=1)),
        (0, UNKNOWN, Counts(reported=1, unknown=1)),
        (1, UNKNOWN, Counts(reported=1, unknown=1)),
        (2, UNKNOWN, Counts(doubled=1)),
    ],
)
def test_a_report_is_counted_by_its_mails_and_by_what_a_person_is_told(
    mails: int, told: Told, expected: Counts
) -> None:
    assert count(["r0"], accepted={"r0": mails, "r1": 1}, told=told) == expected


def test_the_counts_of_several_reports_add_up() -> None:
    counts = count("abcdef", accepted={"a": 1, "b": 2, "d": 1}, told=Told(failed="de", unknown="f"))
    assert counts == Counts(once=1, doubled=1, lost=1, reported=3, unknown=1, called_failed=1)


def test_the_plan_has_each_fault_as_often_as_it_says() -> None:
    plan = make_plan(600, "any")
    of_kind = Counter(course.kind for course in plan.values())
    assert {of_kind[kind] for kind in FaultKind if kind is not FaultKind.KILLED} == {15}
    assert make_plan(600, "any") == plan != make_plan(600, "other")


def test_kills_are_as_far_apart_as_the_queue_sends_in_some_seconds() -> None:
    killed = sorted(number for number, course in make_plan(6_000, "any").items() if course.kind is FaultKind.KILLED)
    # The next report that meets no other fault is taken.
    assert all(15 <= later - earlier <= 65 for earlier, later in pairwise(killed))
    assert len({later - earlier for earlier, later in pairwise(killed)}) > 10


def test_a_course_ends_with_a_usual_answer_or_goes_on_for_good() -> None:
    courses = [course for course in make_plan(600, "any").values() if course.kind is FaultKind.BAD_GATEWAY]
    lost, refused = Disruption(happening=Happening.ANSWER, accepted=True, status=502), courses[0].ever_after
    assert [course.at(1) for course in courses] == [lost] * 15
    assert refused == Disruption(happening=Happening.ANSWER, status=429)
    assert Counter(course.at(9) for course in courses) == {refused: 3, None: 12}


def test_a_mail_server_refuses_by_its_own_codes_and_has_no_gateway() -> None:
    assert in_smtp(Disruption(happening=Happening.ANSWER, status=429)).status == 451
    lost = in_smtp(Disruption(happening=Happening.ANSWER, accepted=True, status=502))
    assert lost == Disruption(happening=Happening.CUT, accepted=True)


def test_this_pipeline_doubles_and_loses_none() -> None:
    # One that hangs would take 20 seconds.
    [table] = bench.measure(
        reports=12,
        kinds=[FaultKind.CUT, FaultKind.BAD_GATEWAY, FaultKind.KILLED],
        providers=[MailProviderName.SENDGRID],
        with_peers=False,
    )
    assert len(table.rows) == 2
    for _name, once, doubled, lost, reported, _unknown, called_failed in table.rows:
        assert (doubled, lost, called_failed) == ("0", "0", "0")
        # The killed worker may have had others under way, too, and those that were accepted are found. Whether the
        # records show an email of an earlier second, so that the others may be sent again, depends on the machine.
        assert int(once) + int(reported) == 12 > int(reported)
