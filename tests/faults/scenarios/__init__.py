"""All scenarios of faults."""

from tests.faults.scenario_run import Scenario
from tests.faults.scenarios import (
    dead_letters,
    everything,
    firestore,
    mail_events,
    queue,
    scheduler,
    sendgrid,
    subscriptions,
    unknown_outcomes,
    unsubscribes,
    users,
    worker_processes,
)

ALL: list[Scenario] = [
    *queue.SCENARIOS,
    *worker_processes.SCENARIOS,
    *sendgrid.SCENARIOS,
    *firestore.SCENARIOS,
    *dead_letters.SCENARIOS,
    *scheduler.SCENARIOS,
    *subscriptions.SCENARIOS,
    *users.SCENARIOS,
    *mail_events.SCENARIOS,
    *unsubscribes.SCENARIOS,
    *unknown_outcomes.SCENARIOS,
    *everything.SCENARIOS,
]
