"""The states of a delivery in docs/explanation/how-it-works.md: the diagram, and the table of what can happen."""

import inspect
import re

from functions.shared.records import delivery_table
from functions.shared.records.delivery_table import TABLE
from functions.shared.records.states import DeliveryState
from tests.documents.generated_parts import table


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def _id(state: str) -> str:
    """What Mermaid takes as the id of a state."""
    return state.replace("-", "_")


def diagram(_part: str) -> str:
    """The diagram, without what leaves a delivery in its state."""
    named: dict[tuple[str, str], list[str]] = {}
    for row in TABLE:
        if row.before != row.after:
            named.setdefault((row.before or "[*]", row.after), []).append(_words(row.event.__name__))
    arrows = [f"    {_id(before)} --> {_id(after)}: {', '.join(events)}" for (before, after), events in named.items()]
    aliases = [f'    state "{state}" as {_id(state)}' for state in DeliveryState if _id(state) != state]
    ends = [f"    {state} --> [*]" for state in DeliveryState if state.is_final]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    direction LR", *aliases, *arrows, "", *ends, "```"])


def words(_part: str) -> str:
    """The words on the arrows of the diagram, each with the first sentence about its event."""
    events = {row.event for row in TABLE}
    named = [each for each in vars(delivery_table).values() if isinstance(each, type) and each in events]
    return table(("word", "what happens"), ((f"*{_words(each.__name__)}*", _first_sentence(each)) for each in named))


def _first_sentence(event: type) -> str:
    return " ".join(str(inspect.getdoc(event)).split()).partition(". ")[0]


def rows(_part: str) -> str:
    """The rows of the table."""
    return table(
        ["what happens", "to a delivery that is", "makes it", "in words"],
        [
            (
                _words(row.event.__name__),
                f"`{row.before}`" if row.before else "not there",
                f"`{row.after}`",
                row.because,
            )
            for row in TABLE
        ],
    )


PARTS = {"delivery-words": words, "delivery-diagram": diagram, "delivery-table": rows}
