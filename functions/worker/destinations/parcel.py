"""A report as the destinations beside email take it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from functions.shared.times.period import Period
from functions.worker.destinations.built_report import BuiltReport

if TYPE_CHECKING:
    # Imported with the first report.
    from report_kit.blocks import Chart, Headline, Table


@dataclass(frozen=True, kw_only=True)
class Parcel(BuiltReport):
    """A report that goes to no mailbox.

    Attributes:
        delivery_id: which delivery it is.
        kind: of the report.
        user_id: whose it is.
        subscription_id: which of the user's.
        period: what it covers.
        summary: what matters, in a sentence or two; may be empty.
        headlines: its figures as it shows them.
        charts: its charts; the picture of each is among `images`.
        tables: its tables.
        figures: its figures as the kind gives them to programs; may be empty.
        url: where its button leads; may be empty.
        url_label: what the button says, in the reader's language.
        copy_url: where a browser shows it; empty where there is no copy.
        copy_label: what that link says.
        archived_as: the name of its copy in the archive; empty if there is none.
    """

    delivery_id: str
    kind: str
    user_id: str
    subscription_id: str
    period: Period
    summary: str
    headlines: "Sequence[Headline]" = ()
    charts: "Sequence[Chart]" = ()
    tables: "Sequence[Table]" = ()
    figures: Mapping[str, Any]
    url: str = ""
    url_label: str
    copy_url: str = ""
    copy_label: str
    archived_as: str = ""

    @property
    def links(self) -> Mapping[str, str]:
        """What a person may open, by what it is called."""
        links = {self.url_label: self.url, self.copy_label: self.copy_url}
        return {name: url for name, url in links.items() if url}

    def without_copy_link(self) -> "Parcel":
        """The report without the link to its copy, and its name."""
        return replace(self, copy_url="", archived_as="")
