"""Where an alert's links lead: the console's page, and the logs. Pure.

The links are text, not buttons. Slack reports a click on any button, even one that only opens an address, to the app
that posted it, and shows a warning beside the button if no server answers. An incoming webhook has no server.
https://docs.slack.dev/reference/block-kit/block-elements/button-element/
https://github.com/slackapi/node-slack-sdk/issues/869
"""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote, urlencode

from functions.dlq_handler.alerting.alert_text import is_presentable
from functions.dlq_handler.channels.alert import Link

_MAX_LINK_CHARACTERS = 2000


class AlertLinks(NamedTuple):
    """Makes the links of alerts.

    Attributes:
        console_url: where the web console is, without a slash at the end; empty where there is none.
        project: the Google Cloud project's id; empty on the local cloud, which has no Logs Explorer.
        location: the functions' region; may be empty.
    """

    console_url: str = ""
    project: str = ""
    location: str = ""

    def of_dead_letters(self, cause: str, *, logged: str) -> tuple[Link, ...]:
        """The links of an alert about dead letters.

        Args:
            cause: the id of their cause; empty where there is none.
            logged: what the logs about them contain.
        """
        return tuple(self._links(f"/dead-letters?{urlencode({'cause': cause})}" if cause else "/dead-letters", logged))

    def of_run(self, run_id: str, *, logged: str) -> tuple[Link, ...]:
        """The links of an alert about the pipeline itself.

        Args:
            run_id: the run that noticed it; empty where none did.
            logged: what the logs about it contain.
        """
        return tuple(self._links(f"/runs/{quote(run_id, safe='')}" if run_id else "/", logged))

    def of_delivery(self, delivery_id: str) -> tuple[Link, ...]:
        """The links of an alert about one report.

        Args:
            delivery_id: its delivery.
        """
        return tuple(self._links(f"/deliveries/{quote(delivery_id, safe='')}", delivery_id))

    def of_queues(self, *, logged: str) -> tuple[Link, ...]:
        """The links of an alert that advises people to pause the queues.

        Args:
            logged: what the logs about it contain.
        """
        return tuple(self._links("/queues", logged))

    def _links(self, page: str, logged: str) -> Iterator[Link]:
        if self.console_url:
            yield Link("Open in the console", self.console_url + page)
        if self.project:
            yield Link("Logs", self._logs_url(logged))

    def _logs_url(self, text: str) -> str:
        """The address of the functions' logs that contain a text. One that is not presentable is left out.

        https://cloud.google.com/logging/docs/view/logging-query-language
        """
        base = "https://console.cloud.google.com/logs/query;query="
        in_region = f'resource.labels.location="{self.location}"' if self.location else ""
        query = 'resource.type="cloud_run_revision"\n' + in_region
        end = f";duration=P7D?project={quote(self.project, safe='')}"
        if is_presentable(text):
            with_text = query + '\n"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
            url = base + quote(with_text, safe="") + end
            if len(url) <= _MAX_LINK_CHARACTERS:
                return url
        return base + quote(query, safe="") + end
