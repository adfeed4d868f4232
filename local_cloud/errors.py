"""What stops the local cloud, each with one line that says what to do."""


class LocalCloudError(Exception):
    """Something that the person who started the local cloud can mend. Its text is all that is shown."""


class PortInUse(LocalCloudError):
    """A port is another process's."""

    def __init__(self, port: int, what_for: str) -> None:
        super().__init__(
            f"Port {port} ({what_for}) is in use: end what listens there, or choose another: "
            "--port-base of `up`; --firestore, --tasks, --tasks-rest or --pubsub of `serve`."
        )
