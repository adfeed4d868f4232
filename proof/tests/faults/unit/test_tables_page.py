"""The page of a run's results."""

import re
from dataclasses import replace
from datetime import date

from functions.shared.settings import MailProviderName
from proof.faults.invariants import Rule, Tally, Violation
from proof.faults.runner import Played
from proof.faults.scenario_run import Scenario, ScenarioRun
from proof.faults.tables_page import FIGURES, make_page


async def script(_run: ScenarioRun) -> None:
    """Nothing is played here."""


def played(scenario: Scenario, **figures: int) -> Played:
    tally = Tally(**{**dict.fromkeys(FIGURES, 0), **figures})
    return Played(scenario=scenario, tally=tally, violations=[], seconds=0.25)


def page(*results: Played) -> str:
    return make_page(
        results, command='make faults ARGS="--seed 7"', commit="abc1234", machine="2 cores", on=date(2026, 11, 26)
    )


def cells(text: str, name: str) -> list[str]:
    """The cells of the row with a name, without it."""
    [row] = re.findall(rf"^\| {re.escape(name)} +\|(.*)\|$", text, re.MULTILINE)
    return [cell.strip() for cell in row.split("|")]


TWICE = Scenario(name="a task comes twice", group="queue", script=script)
KILLED = Scenario(name="killed", group="worker", script=script)


def test_each_scenario_has_its_row_and_each_group_its_sums() -> None:
    text = page(
        played(TWICE, reports=8, sent=8),
        played(KILLED, reports=9, sent=7, dead=2),
        played(KILLED.through(MailProviderName.RESEND), reports=10, sent=10),
    )
    assert cells(text, "a task comes twice") == ["8", "8", *["0"] * 10, "0.2"]
    assert cells(text, "SendGrid, worker") == ["1", "9", "7", "0", "0", "0", "2", *["0"] * 6, "0.2"]
    assert cells(text, "**SendGrid**") == ["2", "17", "15", "0", "0", "0", "2", *["0"] * 6, "0.5"]
    assert cells(text, "**all**")[:3] == ["3", "27", "25"]
    assert re.findall("^##+ .*", text, re.MULTILINE) == [
        *("## Totals", "### By group"),
        *("## With SendGrid", "### queue", "### worker"),
        *("## With Resend", "### worker"),
        "## Broken rules",
    ]


def test_it_says_what_made_it() -> None:
    text = page(played(TWICE, reports=8))
    assert 'on 2026-11-26 at commit `abc1234`, on 2 cores:\n\n```sh\nmake faults ARGS="--seed 7"\n```\n' in text
    assert "1 scenarios, 8 reports: 0 doubled, 0 lost, and broken rules: 0." in text


def test_it_says_which_rules_were_broken_and_what_scenarios_note() -> None:
    result = replace(
        played(KILLED),
        violations=[Violation(Rule.LOST, "u1:default", "neither here nor there")],
        notes=["done by both"],
    )
    text = page(result, played(TWICE))
    assert "\n\n- killed: done by both\n" in text
    assert "and broken rules: 1." in text
    assert "```text\nSendGrid, worker: killed: lost: u1:default: neither here nor there\n```\n" in text
