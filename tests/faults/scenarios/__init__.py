"""Everything that the world does to the pipeline."""

from tests.faults.scenarios import queue, worker_processes
from tests.faults.stage import Scenario

ALL: list[Scenario] = [*queue.SCENARIOS, *worker_processes.SCENARIOS]
