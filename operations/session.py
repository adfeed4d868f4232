"""The connection that a command works with. It connects on first use, so that help needs no connection."""

import copy
import functools
import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from functions.shared.firestore.database import STREAM_SECONDS, Database, firestore_database
from functions.shared.firestore.stored_calendars import StoredCalendars
from functions.shared.queues.queue_choice import choose_queue
from functions.shared.queues.task_queue import TaskQueue
from functions.shared.records.subscription import SubscriptionDefaults
from operations.connection.deployed_env import DEFAULT_PREFIX, DeployedEnv
from operations.connection.local_directory import LOCAL_CLOUD_DIRECTORY
from operations.connection.target import Target, connect, find_target
from operations.dead_letters.undeliverable import Undeliverable
from operations.errors import NotConfigured
from operations.output import notice
from operations.queues.queues import Queues
from operations.subscriptions.subscription_defaults import subscription_defaults

if TYPE_CHECKING:
    from functions.shared.archive import Archive

_CALL_SECONDS = 60.0
"""How long a call of Firestore may take: to count millions of documents takes a part of that."""


class Session:
    """One invocation of the command. Its properties raise NotConfigured if there is nothing to connect to.

    Args:
        directory: the local cloud's, if the operator has named it.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._deadline: float | None = None

    def within(self, seconds: float) -> "Session":
        """The same connection, whose reads end after so many seconds each."""
        hasty = copy.copy(self)
        hasty._deadline = seconds
        return hasty

    @staticmethod
    def now() -> datetime:
        """The present, in UTC: the one clock of what asks for the time more than once."""
        return datetime.now(UTC)

    @functools.cached_property
    def target(self) -> Target:
        """The target of the connection."""
        target = find_target(os.environ, directory=self._directory, default_directory=LOCAL_CLOUD_DIRECTORY)
        if target.note:
            notice(target.note)
        connect(target)
        return target if target.emulators else replace(target, ask=self._ask_deployed_env)

    def _ask_deployed_env(self, variable: str) -> str | None:
        if variable in {"GOOGLE_CLOUD_PROJECT", "LOCATION"}:
            return None
        return self._deployed_env.variable(variable)

    def look_up_secret(self, variable: str) -> str | None:
        """The value of a secret: from the environment, or else the one that the deployed function runs with.

        Raises:
            NotConfigured: it is not set here, and Google Cloud does not give it.
        """
        target = self.target
        return target.variables.get(variable) or (None if target.emulators else self._deployed_env.secret(variable))

    def find_secret(self, variable: str) -> str | None:
        """The same; None also if it cannot be read."""
        try:
            return self.look_up_secret(variable)
        except NotConfigured:
            return None

    def deployed_labels(self) -> dict[str, Mapping[str, str]]:
        """The labels of what is deployed, by its name.

        Raises:
            NotConfigured: there is nothing to ask, or Google Cloud does not answer.
        """
        if self.target.emulators:
            raise NotConfigured("the local cloud runs the functions of the checkout that it was started in.")
        return self._deployed_env.labels()

    def revisions(self) -> list[Mapping[str, Any]]:
        """The latest revisions of the functions, as Cloud Run has them; none beside the local cloud.

        Raises:
            NotConfigured: Google Cloud does not answer.
        """
        return [] if self.target.emulators else self._deployed_env.revisions(seconds=self._deadline or _CALL_SECONDS)

    @functools.cached_property
    def _deployed_env(self) -> DeployedEnv:
        return DeployedEnv(
            project=self.target.project,
            location=self.target.require("LOCATION"),
            prefix=self.prefix,
        )

    @property
    def prefix(self) -> str:
        """What the names of all that is deployed begin with."""
        return os.environ.get("PREFIX") or DEFAULT_PREFIX

    @property
    def firestore(self) -> Database:
        """The Firestore database."""
        call, stream = self._deadline or _CALL_SECONDS, self._deadline or STREAM_SECONDS
        return firestore_database(self.target.project, self.target.database, seconds=call, stream_seconds=stream)

    @functools.cached_property
    def defaults(self) -> SubscriptionDefaults:
        """The defaults of a subscription's fields."""
        return subscription_defaults(self.target)._replace(calendars=StoredCalendars(lambda: self.firestore))

    @property
    def archive(self) -> "Archive | None":
        """The archive; None where the deployment keeps no copies."""
        # Few commands need it.
        from functions.shared.archive import Archive

        bucket = self.target.look_up("ARCHIVE")
        return Archive(bucket) if bucket else None

    @property
    def queues(self) -> Queues:
        """The queues."""
        return Queues(
            project=self.target.project, location=self.target.require("LOCATION"), read_seconds=self._deadline
        )

    @property
    def undeliverable(self) -> Undeliverable:
        """The messages that the DLQ handler did not take.

        Raises:
            NotConfigured: there is no Pub/Sub beside the emulators.
        """
        target = self.target
        if target.emulators and not target.variables.get("PUBSUB_EMULATOR_HOST"):
            raise NotConfigured("PUBSUB_EMULATOR_HOST is not set, and the other services are emulators.")
        prefix = DEFAULT_PREFIX if target.emulators else self.prefix
        return Undeliverable(
            project=target.project, subscription=f"{prefix}-undeliverable", topic=target.require("DEAD_LETTER_TOPIC")
        )

    def queue_of(self, user_id: str) -> TaskQueue:
        """The queue of a user's reports: the dispatcher's choice, and the same URL, token and deadline as its tasks."""
        queues = self.target.queues
        return self._report_queue(queues[choose_queue(user_id, queues)])

    @functools.cache  # noqa: B019  lives as long as the command
    def _report_queue(self, queue: str) -> TaskQueue:
        target = self.target
        worker_url = target.require("WORKER_URL").rstrip("/")
        return TaskQueue(
            project=target.project,
            location=target.require("LOCATION"),
            queue=queue,
            url=f"{worker_url}/tasks/send-report",
            service_account=target.require("TASKS_INVOKER"),
            audience=worker_url,
        )
