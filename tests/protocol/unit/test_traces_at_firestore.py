"""The explorer's Firestore is a table of numbers. Here a real one follows it: thirty traces make the same commits and
queries over the wire, and Google's own client reads what they leave."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from functions.shared.firestore.database import Database
from functions.shared.firestore.errors import ChangedMeanwhile
from functions.shared.firestore.query import Query
from functions.shared.firestore.write import Write
from local_cloud.clock import Clock
from local_cloud.firestore.server import FirestoreEmulator
from tests.firestore_client import client_of, database_of
from tests.protocol.actors import Provider
from tests.protocol.documents import COLLECTIONS, LONG_AGO, Contents, Documents, collection_of, frozen
from tests.protocol.played import of_the_machine
from tests.protocol.world import Bounds, World
from tests.support import Background

STEPS = 120
TRACES = 10
MUCH = Bounds(
    kills=2, losses=2, duplicates=1, mishaps=3, replays=2, dismissals=1, stops=1, changes=1, kind_pauses=1, hours=1
)
WORLDS = {
    "nobody knows": MUCH,
    "the logs know": MUCH._replace(provider=Provider.LOGS, outcomes=1),
    "keys": MUCH._replace(provider=Provider.KEYS, together=3),
}


class Noted(Contents):
    """The explorer's documents, which note what is asked of them."""

    def __init__(self) -> None:
        super().__init__(has_owners=True)
        self.commits: list[tuple[Documents, Sequence[Write], Documents | None]] = []
        self.queries: list[tuple[Documents, Query, set[str]]] = []

    def write(self, documents: Documents, writes: Sequence[Write], *, at: datetime) -> Documents | None:
        after = super().write(documents, writes, at=at)
        self.commits.append((documents, writes, after))
        return after

    def find(self, documents: Documents, query: Query) -> tuple[tuple[str, int], ...]:
        found = super().find(documents, query)
        self.queries.append((documents, query, {path for path, _ in found}))
        return found


class Replayed:
    """A real Firestore that follows the explorer's.

    Args:
        client: Google's own.
        database: the pipeline's door to it.
        contents: what the explorer's documents say.
    """

    def __init__(self, client: Any, database: Database, contents: Noted) -> None:
        self._client, self._database, self._contents = client, database, contents
        self._versions: dict[tuple[str, int], datetime] = {}
        self._documents: Documents | None = None

    def follow(self, documents: Documents) -> None:
        """Have what the explorer has, by the commit that led there, or as an application would write it."""
        if documents == self._documents:
            return
        before = {} if self._documents is None else self._contents.paths(self._documents)
        now = self._contents.paths(documents)
        made = [writes for at, writes, after in self._contents.commits if (at, after) == (self._documents, documents)]
        if made:
            self._database.commit([self._at_version(each, before) for each in made[-1]])
        else:
            for path in before.keys() - now.keys():
                self._client.document(path).delete()
            for path in (path for path, number in now.items() if before.get(path) != number):
                self._client.document(path).set(self._contents.fields(now[path]))
        self._documents = documents
        self._compare(now)

    def refuse(self) -> int:
        """Have it refuse the commits that the explorer refuses. Returns how many those are."""
        assert self._documents is not None
        paths = self._contents.paths(self._documents)
        refused = [writes for at, writes, after in self._contents.commits if (at, after) == (self._documents, None)]
        for writes in refused:
            with pytest.raises(ChangedMeanwhile):
                self._database.commit([self._at_version(each, paths) for each in writes])
        return len(refused)

    def find(self) -> int:
        """Ask the queries that the explorer has answered. Returns how many those are."""
        queries = {repr(query): (query, found) for at, query, found in self._contents.queries if at == self._documents}
        for query, found in queries.values():
            # The explorer's do without cursors.
            everything = query._replace(start=None, end=None, most=None)
            assert {each.path for each in self._database.stream(everything)} == found
        return len(queries)

    def _at_version(self, write: Write, paths: Mapping[str, int]) -> Write:
        """With the version by which the real one knows the document; none has it if it is another one by now."""
        if not isinstance(write.condition, datetime):
            return write
        number = paths.get(write.path)
        if number is None or self._contents.found(write.path, number).update_time != write.condition:
            return write._replace(condition=LONG_AGO)
        return write._replace(condition=self._versions[write.path, number])

    def _compare(self, paths: Mapping[str, int]) -> None:
        found = [snapshot for name in COLLECTIONS for snapshot in self._client.collection_group(name).stream()]
        assert {each.reference.path for each in found} == {path for path in paths if collection_of(path) in COLLECTIONS}
        for each in found:
            path, number = each.reference.path, paths[each.reference.path]
            self._versions[path, number] = each.update_time.ToDatetime(tzinfo=UTC)
            told, wanted = (
                # The explorer forgets a history's entry while it does not matter, and so cannot find it again.
                frozen({name: value for name, value in self._contents.fields(each).items() if name != "history"})
                for each in (self._contents.number(path, each.to_dict(), at=LONG_AGO), number)
            )
            assert told == wanted, path


@pytest.fixture(scope="module")
def firestore() -> Iterator[FirestoreEmulator]:
    background = Background()
    emulator = FirestoreEmulator(host="127.0.0.1", port=0, clock=Clock())
    background.run(emulator.start())
    yield emulator
    background.run(emulator.stop())
    background.close()


@pytest.mark.parametrize("bounds", WORLDS.values(), ids=WORLDS)
def test_it_ends_a_trace_with_the_explorers_documents(firestore: FirestoreEmulator, bounds: Bounds) -> None:
    refused = queries = 0
    for seed in range(TRACES):
        project, random = f"{bounds.provider}-{seed}", Random(seed)  # noqa: S311  the same traces each time
        contents = Noted()
        world = World(bounds, contents=contents)
        client = client_of(firestore.port, project)
        real = Replayed(client, database_of(firestore.port, project), contents)
        with of_the_machine():
            state = world.first()
            real.follow(state.documents)
            for _ in range(STEPS):
                contents.commits.clear()
                contents.queries.clear()
                if not (steps := list(world.following(state))):
                    break
                refused += real.refuse()
                queries += real.find()
                _, state, _ = random.choice(steps)
                real.follow(state.documents)
        client.close()
    print(f"{refused} commits refused, {queries} queries")  # noqa: T201  pytest -rP shows how many
    assert refused
    assert queries
