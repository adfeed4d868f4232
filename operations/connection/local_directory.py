"""Where the local cloud of this checkout is."""

from pathlib import Path

LOCAL_CLOUD_DIRECTORY = Path(__file__).resolve().parents[2] / ".local_cloud"
"""Where `make up` leaves the addresses of the local cloud."""
