"""Errors that stop the local cloud. Each has one line that says what to do."""


class LocalCloudError(Exception):
    """An error that the person who started the local cloud can fix. The command prints only its text."""


class PortInUse(LocalCloudError):
    """Another process has the port."""

    def __init__(self, port: int, what_for: str) -> None:
        super().__init__(f"Port {port} ({what_for}) is in use: end what listens there, or choose another.")
