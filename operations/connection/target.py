"""Chooses where the command connects: to an emulator or Google Cloud by the environment, or to the local cloud by its
directory."""

import os
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google.auth
import grpc
from google.auth.exceptions import DefaultCredentialsError

from functions.shared.records.ids import DATABASE_PATTERN, DEFAULT_DATABASE
from operations.errors import NotConfigured

EMULATORS = ("FIRESTORE_EMULATOR_HOST", "CLOUD_TASKS_EMULATOR_HOST")

_DATABASE = "FIRESTORE_DATABASE"

_ANSWER_SECONDS = 10.0
"""Even a busy machine answers by then. If no server listens, the connection fails at once."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """The Google Cloud project, emulator or local cloud that the command works on.

    Attributes:
        variables: the environment variables of docs/reference/settings.md, as they hold for it.
        directory: the local cloud's, where the variables are from there.
        note: what the operator should know about the choice; empty if the choice is obvious.
        ask: returns a variable that is not in `variables`, or None; raises NotConfigured if it cannot ask.
    """

    variables: Mapping[str, str]
    directory: Path | None = None
    note: str = ""
    ask: Callable[[str], str | None] = lambda _name: None

    @property
    def project(self) -> str:
        """The project's id."""
        return self.require("GOOGLE_CLOUD_PROJECT")

    @property
    def database(self) -> str:
        """The id of the Firestore database.

        Raises:
            NotConfigured: it is malformed, or it is not set here, and the deployed functions cannot be asked for it. A
                guess could act on the data of another environment.
        """
        database = self.look_up(_DATABASE) or DEFAULT_DATABASE
        if not re.fullmatch(DATABASE_PATTERN, database):
            raise NotConfigured(
                f"{_DATABASE}: {database} is no database's id: {DEFAULT_DATABASE}, or 4 to 63 lower-case letters, "
                "digits and hyphens, beginning with a letter."
            )
        return database

    @property
    def queues(self) -> list[str]:
        """The ids of the report queues."""
        names = self.require("REPORT_QUEUES")
        return [name.strip() for name in names.split(",") if name.strip()]

    @property
    def emulators(self) -> dict[str, str]:
        """The addresses of emulators that replace Google's services, by variable."""
        return {name: self.variables[name] for name in EMULATORS if self.variables.get(name)}

    @property
    def description(self) -> str:
        """The name of the target, for the operator to read before a change."""
        where = "the local cloud" if self.directory else "an emulator" if self.emulators else "Google Cloud"
        # Only where it is set here: the description must not need an answer of the deployed functions.
        database = self.variables.get(_DATABASE) or DEFAULT_DATABASE
        named = "" if database == DEFAULT_DATABASE else f", database {database}"
        return f"{where} (project {self.project}{named})"

    def require(self, variable: str) -> str:
        """The value of a variable.

        Raises:
            NotConfigured: it is not set, and the deployed functions do not have it.
        """
        if value := self.look_up(variable):
            return value
        raise NotConfigured(f"{variable} is not set: the deployed functions have it in their environment variables.")

    def look_up(self, variable: str) -> str | None:
        """The value of a variable that has a default; None where the default holds.

        Raises:
            NotConfigured: it is not set here, and the deployed functions cannot be asked for it.
        """
        return self.variables.get(variable) or self.ask(variable)

    def find(self, variable: str) -> str | None:
        """The value of an optional variable; None if it is not set or cannot be read."""
        try:
            return self.look_up(variable)
        except NotConfigured:
            return None


def find_target(environment: Mapping[str, str], *, directory: Path | None, default_directory: Path) -> Target:
    """Choose where to connect.

    Args:
        directory: the local cloud's, where the operator has named it.
        default_directory: where to look for a local cloud otherwise.

    Raises:
        NotConfigured: there is nothing to connect to, or what the local cloud left cannot be read.
    """
    if directory is not None:
        return Target(variables=_read_variables(directory), directory=directory)
    there_is_a_local_cloud = (default_directory / "environment").is_file()
    if environment.get("GOOGLE_CLOUD_PROJECT"):
        target = Target(variables=environment)
        if there_is_a_local_cloud and not target.emulators:
            note = f"On {target.description}, since GOOGLE_CLOUD_PROJECT is set; for the local cloud: --local-cloud"
            return Target(variables=environment, note=f"{note} {shlex.quote(str(default_directory))}")
        return target
    if there_is_a_local_cloud:
        return Target(variables=_read_variables(default_directory), directory=default_directory)
    raise NotConfigured(
        "Nothing to connect to: start the local cloud (reports up), "
        "or set GOOGLE_CLOUD_PROJECT and LOCATION for Google Cloud."
    )


def connect(target: Target) -> None:
    """Check that the target answers, and point Google's client libraries at it.

    Raises:
        NotConfigured: it does not answer, or there are no credentials. This takes seconds: the client libraries would
            try for minutes.
    """
    os.environ.update({name: value for name, value in target.variables.items() if os.environ.get(name) != value})
    for variable, address in target.emulators.items():
        if not _answers(address):
            if target.directory is not None:
                raise NotConfigured(
                    f"The local cloud of {target.directory} does not answer ({address}): start it (reports up), "
                    "or set GOOGLE_CLOUD_PROJECT and LOCATION for Google Cloud."
                )
            raise NotConfigured(f"{variable}: nothing answers at {address}.")
    if len(target.emulators) < len(EMULATORS):
        try:
            google.auth.default()
        except DefaultCredentialsError:
            raise NotConfigured(
                "There are no Google credentials: gcloud auth application-default login, "
                "or GOOGLE_APPLICATION_CREDENTIALS."
            ) from None


def _answers(address: str) -> bool:
    """Whether a gRPC server answers. Any answer counts, even that the method is unknown."""
    with grpc.insecure_channel(address) as channel:
        try:
            check: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
            check(b"", timeout=_ANSWER_SECONDS)
        except grpc.RpcError as error:
            return error.code() not in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}
        return True


def _read_variables(directory: Path) -> dict[str, str]:
    file = directory / "environment"
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
        pairs = [shlex.split(line)[0].partition("=") for line in lines if line.strip()]
    except FileNotFoundError:
        raise NotConfigured(f"There is no local cloud in {directory}: start it (reports up).") from None
    except (OSError, ValueError) as error:
        raise NotConfigured(f"{file} cannot be read: {error}.") from error
    return {name: value for name, _, value in pairs}
