"""What every run works with: clients, queues and settings, made once for each process."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from google.cloud import firestore

from functions.dispatcher.user_stream import UserStream
from functions.shared.dead_letter_topic import DeadLetterTopic
from functions.shared.schedule import Cadence
from functions.shared.task_queue import TaskQueue


@dataclass(frozen=True, kw_only=True)
class RunDependencies:
    """What a run works with.

    Attributes:
        firestore: the client.
        users: what reads users.
        report_queues: those among which the reports are spread.
        continuation_queue: the queue whose tasks call the dispatcher.
        dead_letters: the topic of what cannot be enqueued.
        default_cadence: the cadence of users whose document names none.
        time_limit: how long one part of a run may take.
        share_size: a run that has more users left is divided into shares of about so many.
    """

    firestore: firestore.Client
    users: UserStream
    report_queues: Sequence[TaskQueue]
    continuation_queue: TaskQueue
    dead_letters: DeadLetterTopic
    default_cadence: Cadence
    time_limit: timedelta
    share_size: int
