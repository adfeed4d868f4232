"""What a kind from SQL reads."""

from enum import StrEnum


class Source(StrEnum):
    """Which database a kind from SQL reads."""

    POSTGRESQL = "postgresql"
    BIGQUERY = "bigquery"
    SQLITE = "sqlite"
