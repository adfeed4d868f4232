"""The results of a run as a page."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date
from itertools import groupby

from functions.shared.settings import MailProviderName
from proof.benchmarks.table import Table
from proof.faults.invariants import Tally
from proof.faults.runner import Played

FIGURES = tuple(field.name for field in fields(Tally))
"""What the harness counts in each scenario, in the order of the columns."""

_NAMES = {MailProviderName.SENDGRID: "SendGrid", MailProviderName.RESEND: "Resend", MailProviderName.SMTP: "SMTP"}


def counts(results: Sequence[Played]) -> list[str]:
    """The sums of FIGURES, and of the seconds."""
    sums = [sum(getattr(result.tally, name) for result in results) for name in FIGURES]
    return [*map(str, sums), f"{sum(result.seconds for result in results):.1f}"]


def make_page(results: Sequence[Played], *, command: str, commit: str, machine: str, on: date) -> str:
    """The page, in Markdown.

    Args:
        results: of the scenarios, those of a provider together, and within it those of a group.
        command: the command that played them.
        commit: the commit of the code that was played.
        machine: the machine, such as "2 cores, Linux x86_64, Python 3.13.5".
        on: the day in UTC.
    """
    total = dict(zip((*FIGURES, "seconds"), counts(results), strict=True))
    broken = sum(len(result.violations) for result in results)
    sections = [
        "# What became of the reports",
        f"This command made the page on {on} at commit `{commit}`, on {machine}:",
        f"```sh\n{command}\n```",
        f"{len(results)} scenarios, {total['reports']} reports: {total['doubled']} doubled, {total['lost']} lost, "
        f"and broken rules: {broken}.\n"
        "proof/README.md explains the columns.",
        "## Totals",
        _totals(results),
    ]
    for provider, of_provider in groupby(results, lambda result: result.scenario.provider):
        sections.append(f"## With {_NAMES[provider]}")
        sections += [_group(name, [*group]) for name, group in groupby(of_provider, lambda each: each.scenario.group)]
    sections += ["## Broken rules", _broken_rules(results)]
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _totals(results: Sequence[Played]) -> str:
    rows = []
    for provider, of_provider in groupby(results, lambda result: result.scenario.provider):
        all_of_provider = [*of_provider]
        for name, group in groupby(all_of_provider, lambda each: each.scenario.group):
            rows.append((f"{_NAMES[provider]}, {name}", [*group]))
        rows.append((f"**{_NAMES[provider]}**", all_of_provider))
    rows.append(("**all**", [*results]))
    return Table(
        title="By group",
        columns=("group", "scenarios", *FIGURES, "seconds"),
        rows=[(name, str(len(those)), *counts(those)) for name, those in rows],
    ).to_markdown()


def _group(name: str, results: Sequence[Played]) -> str:
    return Table(
        title=name,
        columns=("scenario", *FIGURES, "seconds"),
        rows=[(result.scenario.name, *counts([result])) for result in results],
        note="\n".join(f"- {result.scenario.name}: {note}" for result in results for note in result.notes),
    ).to_markdown()


def _broken_rules(results: Sequence[Played]) -> str:
    lines = [
        f"{_NAMES[result.scenario.provider]}, {result.scenario}: {violation}"
        for result in results
        for violation in result.violations
    ]
    return "\n".join(["```text", *lines, "```"]) if lines else "None."
