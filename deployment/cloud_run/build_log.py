"""The log of a build, as Cloud Build writes it to Cloud Logging while it builds.

gcloud reads it so where it follows a build; `gcloud run deploy` only says where it is.
https://cloud.google.com/build/docs/securing-builds/store-manage-build-logs
"""

from collections.abc import Iterator

from deployment.engine.discovery import Resource, method
from deployment.engine.google_error import GoogleError
from deployment.run import Run


class BuildLog:
    def __init__(self, run: Run, build: Resource) -> None:
        self._client, self._project = run.client, f"projects/{run.settings.project_id}"
        self._filter = (
            f'logName="{self._project}/logs/cloudbuild" AND resource.type="build" AND '
            f'resource.labels.build_id="{build["name"].rpartition("/")[2]}"'
        )
        # Cloud Logging finds entries faster where it knows since when.
        self._since: str = build["createTime"]
        self._seen: set[str] = set()
        self._is_closed = False

    def new_lines(self) -> Iterator[str]:
        """The lines since the last look. Who may not read them is told so once: a build goes on without its log."""
        if self._is_closed:
            return
        asked = {
            "resourceNames": [self._project],
            "filter": f'{self._filter} AND timestamp>="{self._since}"',
            "orderBy": "timestamp asc",
            "pageSize": 1000,
        }
        try:
            entries = self._client.send(method("logging", "v2", "entries.list").request("", asked)).get("entries", [])
        except GoogleError as error:
            self._is_closed = True
            yield f"its log cannot be read here, which takes roles/logging.viewer: {error.message}"
            return
        for entry in entries:
            # Two can have the same time.
            if entry["insertId"] not in self._seen:
                self._seen.add(entry["insertId"])
                self._since = entry["timestamp"]
                yield from entry.get("textPayload", "").splitlines()
