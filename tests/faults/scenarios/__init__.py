"""All scenarios of faults."""

from tests.faults.scenario_run import Scenario
from tests.faults.scenarios import (
    dead_letters,
    everything,
    firestore,
    queue,
    scheduler,
    sendgrid,
    subscriptions,
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
    *everything.SCENARIOS,
]
