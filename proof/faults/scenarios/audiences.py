"""Two queries for recipients: what an id means in one, it does not in the other."""

import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from functions.shared.records.system_alert import AlertKind
from proof.faults.plans import Plan
from proof.faults.scenario_run import ScenarioRun
from proof.faults.scenarios import steps as do
from proof.faults.subscribers import KnownSubscription, email_of
from proof.faults.subscription_key import SubscriptionKey
from tests.function_process import REPOSITORY
from tests.seeding import user_reference

_CUSTOMERS, _SUPPLIERS = "customers", "suppliers"
_NEEDS = """
secrets:
  {variable}: {{about: The database of the shop., local: "sqlite:///{database}"}}
"""
_REPORT = """
source: {variable}
title: Bills
audience:
  sql: SELECT id, email FROM {kind}
  defaults: {{cadence: hourly, time_zone: UTC}}
queries:
  bills: SELECT amount FROM bills WHERE "of" = '{kind}' AND id = :user_id
table: {{title: Bills, query: bills, columns: [{{column: amount, label: Amount}}]}}
"""


async def _begin(scenario_run: ScenarioRun) -> dict[str, dict[str, str]]:
    """Offer both queries. Returns the addresses of each by its ids."""
    rows = _lay_out(scenario_run.world.audience_kinds, scenario_run)
    scenario_run.may_tell(AlertKind.AUDIENCE_INCOMPLETE)
    await scenario_run.world.worker(scenario_run.scenario.provider, version="audiences")
    return rows


async def _customers_first(scenario_run: ScenarioRun) -> dict[str, dict[str, str]]:
    rows = await _begin(scenario_run)
    async with scenario_run.world.audiences(_CUSTOMERS):
        await scenario_run.dispatch_and_drain()
    await _take_note(scenario_run, _CUSTOMERS, rows[_CUSTOMERS])
    scenario_run.hour = scenario_run.world.next_hour()
    return rows


async def _suppliers_later(scenario_run: ScenarioRun, emails: Mapping[str, str], *kinds: str) -> None:
    async with scenario_run.world.audiences(*kinds):
        await scenario_run.dispatch_and_drain()
        await _take_note(scenario_run, _SUPPLIERS, emails)
        await scenario_run.play_next_hours()


async def _same_ids(scenario_run: ScenarioRun) -> None:
    """An id that both queries have is of two people. Whom the first one names goes on getting their own bills, and
    nobody gets another's."""
    rows = await _customers_first(scenario_run)
    await _suppliers_later(scenario_run, rows[_SUPPLIERS], _CUSTOMERS, _SUPPLIERS)


async def _same_ids_at_once(scenario_run: ScenarioRun) -> None:
    """Two queries are new, and name people by the same ids. Each id is of the one whom a query names first."""
    world, rows = scenario_run.world, await _begin(scenario_run)
    async with world.audiences(_CUSTOMERS, _SUPPLIERS):
        await scenario_run.dispatch_and_drain()
        for kind, emails in rows.items():
            await _take_note(scenario_run, kind, emails)
        await scenario_run.play_next_hours()
    made = Counter(key.user_id for key in await world.subscriptions() if key.subscription_id in rows)
    if both := [user for user, kinds in made.items() if kinds > 1]:
        raise RuntimeError(f"{both} are two people each")


async def _ids_of_deleted_users(scenario_run: ScenarioRun) -> None:
    """The application deletes users, and another query has their ids. Nobody is made by an id that another person's
    reports still have."""
    world, rows = scenario_run.world, await _customers_first(scenario_run)
    deleted = rows[_CUSTOMERS].keys() & rows[_SUPPLIERS].keys()
    for user in deleted:
        await user_reference(world.database, user).delete()
        scenario_run.known[SubscriptionKey(user, _CUSTOMERS)].pause(since=scenario_run.hour)
    await _suppliers_later(scenario_run, rows[_SUPPLIERS], _SUPPLIERS)
    if anew := [user for user in deleted if (await user_reference(world.database, user).get()).exists]:
        raise RuntimeError(f"{anew} are other people now")


async def _take_note(scenario_run: ScenarioRun, kind: str, emails: Mapping[str, str]) -> None:
    """Expect the reports of those whom a query has made recipients, and at the addresses that the query has."""
    made = await scenario_run.world.subscriptions()
    first_due_at = scenario_run.hour + timedelta(hours=1)
    for user, email in emails.items():
        if (key := SubscriptionKey(user, kind)) in made:
            scenario_run.known[key] = KnownSubscription(
                plan=Plan.due_at(first_due_at, "hourly", "UTC"),
                user_zone="UTC",
                kind=kind,
                addresses={"to": [email]},
                first_due_at=first_due_at,
                is_marked=False,
            )


def _lay_out(kinds: Path, scenario_run: ScenarioRun) -> dict[str, dict[str, str]]:
    """Write the kinds and their database. Returns the addresses of each query by its ids."""
    ids = [f"{scenario_run.prefix}q{number}" for number in range(len(scenario_run.users))]
    half = len(ids) // 2
    rows = {
        _CUSTOMERS: {each: email_of(each) for each in ids},
        _SUPPLIERS: {
            **{each: f"supplier-{each}@example.com" for each in ids[:half]},
            **{f"{each}-supplier": email_of(f"{each}-supplier") for each in ids[half:]},
        },
    }
    kinds.mkdir(exist_ok=True)
    for shipped in (REPOSITORY / "kinds").iterdir():
        if not (kinds / shipped.name).exists():
            (kinds / shipped.name).symlink_to(shipped)
    database = kinds.with_name("shop.db")
    for kind in rows:
        folder, variable = kinds / kind, f"{kind.upper()}_DATABASE_URL"
        folder.mkdir(exist_ok=True)
        (folder / "report.yaml").write_text(_REPORT.format(kind=kind, variable=variable))
        (folder / "needs.yaml").write_text(_NEEDS.format(variable=variable, database=database))
    database.unlink(missing_ok=True)
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute('CREATE TABLE bills ("of", id, amount)')
        for kind, emails in rows.items():
            connection.execute(f"CREATE TABLE {kind} (id, email)")
            connection.executemany(f"INSERT INTO {kind} VALUES (?, ?)", emails.items())  # noqa: S608  our own name
            connection.executemany("INSERT INTO bills VALUES (?, ?, 12)", [(kind, each) for each in emails])
    return rows


_row = do.rows_of("audiences", at_most=60)
SCENARIOS = [
    _row("two queries have the same ids", _same_ids),
    _row("two new queries have the same ids", _same_ids_at_once),
    _row("a query has the ids of deleted users", _ids_of_deleted_users),
]
