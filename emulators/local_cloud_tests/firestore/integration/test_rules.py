"""Rules, held against what clients ask for over the wire."""

import base64
import json
import queue
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter, Or

from local_cloud.background import Background
from local_cloud.clock import Clock
from local_cloud.firestore.rules.ruleset import Ruleset
from local_cloud.firestore.server import FirestoreEmulator

RULES = """
rules_version = '2';
service cloud.firestore {
  match /databases/{database}/documents {
    function signedIn() { return request.auth != null; }
    function isAdmin() {
      return get(/databases/$(database)/documents/roles/$(request.auth.uid)).data.admin == true;
    }
    match /public/{document} { allow get: if true; }
    match /notes/{note} {
      allow get, delete: if resource.data.owner == request.auth.uid;
      allow create: if request.resource.data.owner == request.auth.uid
        && request.resource.data.written_at == request.time;
      allow update: if resource.data.owner == request.auth.uid
        && !request.resource.data.diff(resource.data).affectedKeys().hasAny(['owner']);
      allow list: if resource.data.owner == request.auth.uid || isAdmin();
    }
    match /stories/{story} {
      allow list: if resource != null && resource.data.state in ['published', 'archived'] && request.query.limit <= 10;
    }
    match /scores/{score} { allow list: if resource.data.points >= 10 && resource.data.points is number; }
    match /levels/{level} { allow list: if !(resource.data.points < 10) && resource.data.at == null; }
    match /teams/{team} { allow list: if signedIn() && request.auth.uid in resource.data.members; }
    match /{path=**}/comments/{comment} { allow list: if signedIn() && resource.data.hidden != true; }
    match /orders/{order} {
      allow create: if getAfter(/databases/$(database)/documents/totals/$(order)).data.sum == request.resource.data.sum;
    }
    match /totals/{order} { allow create: if existsAfter(/databases/$(database)/documents/orders/$(order)); }
  }
}
"""
DENIED = pytest.raises(exceptions.PermissionDenied, match="no rule allows")


@pytest.fixture(scope="module")
def emulator(background: Background, clock: Clock) -> Iterator[FirestoreEmulator]:
    emulator = FirestoreEmulator(host="127.0.0.1", port=0, rest_port=0, clock=clock, ruleset=Ruleset(RULES))
    background.run(emulator.start())
    yield emulator
    background.run(emulator.stop())


def token_of(uid: str, **claims: Any) -> str:
    """A token as the Firebase emulators have it: without a signature."""
    parts = [{"alg": "none"}, {"sub": uid, "user_id": uid, **claims}]
    return ".".join([*(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), ""])


@pytest.fixture
def sign_in(make_client: Callable[..., Any]) -> Callable[..., Any]:
    """Makes a client of a user, or of a stranger."""

    def sign_in(uid: str | None) -> Any:
        client = make_client()
        metadata = [each for each in client._rpc_metadata if each[0] != "authorization"]
        client._rpc_metadata_internal = metadata
        if uid is not None:
            metadata.append(("authorization", f"Bearer {token_of(uid)}"))
        return client

    return sign_in


def note(owner: str) -> dict[str, Any]:
    return {"owner": owner, "text": "a", "written_at": firestore.SERVER_TIMESTAMP}


def test_a_server_may_do_everything(client: Any) -> None:
    client.document("anything/a").set({"a": 1})
    assert [each.id for each in client.collection("anything").stream()] == ["a"]
    assert [each.id for each in client.collections()] == ["anything"]


def test_a_document_is_read_if_a_rule_allows_it(client: Any, sign_in: Callable[..., Any]) -> None:
    client.document("notes/n").set(note("u"))
    client.document("public/p").set({"a": 1})

    assert sign_in("u").document("notes/n").get().exists
    assert sign_in(None).document("public/p").get().exists
    assert not sign_in(None).document("public/none").get().exists
    for uid in ("v", None):
        with DENIED:
            sign_in(uid).document("notes/n").get()
    with DENIED:
        list(sign_in("v").get_all([client.document("public/p"), client.document("notes/n")]))
    with DENIED:
        sign_in("u").document("elsewhere/a").get()


def test_a_document_is_written_if_a_rule_allows_it(client: Any, sign_in: Callable[..., Any]) -> None:
    user = sign_in("u")
    user.document("notes/n").set(note("u"))
    user.document("notes/n").update({"text": "b"})
    with DENIED:
        user.document("notes/n").update({"owner": "v"})
    with DENIED:
        user.document("notes/m").set(note("v"))
    with DENIED:
        user.document("notes/m").set({"owner": "u", "written_at": None})
    with DENIED:
        sign_in("v").document("notes/n").delete()
    assert client.document("notes/n").get().get("text") == "b"
    user.document("notes/n").delete()
    assert not client.document("notes/n").get().exists


def test_a_refusal_does_not_tell_whether_there_is_a_document(client: Any, sign_in: Callable[..., Any]) -> None:
    client.document("notes/n").set(note("u"))
    for name in ("n", "m"):
        with DENIED:
            sign_in("v").document(f"notes/{name}").create(note("u"))
        with DENIED:
            sign_in("v").document(f"notes/{name}").update({"text": "b"})


def test_of_several_writes_all_or_none(client: Any, sign_in: Callable[..., Any]) -> None:
    user = sign_in("u")
    batch = user.batch()
    batch.set(user.document("notes/n"), note("u"))
    batch.set(user.document("notes/m"), note("v"))
    with DENIED:
        batch.commit()
    assert not client.document("notes/n").get().exists


def test_rules_look_at_what_the_request_leaves(client: Any, sign_in: Callable[..., Any]) -> None:
    user = sign_in(None)
    with DENIED:
        user.document("orders/o").set({"sum": 3})
    batch = user.batch()
    batch.set(user.document("orders/o"), {"sum": 3})
    batch.set(user.document("totals/o"), {"sum": 3})
    batch.commit()
    assert client.document("orders/o").get().exists


def test_a_transaction_reads_and_writes_by_the_rules(client: Any, sign_in: Callable[..., Any]) -> None:
    client.document("notes/n").set(note("u"))

    def edit(user: Any) -> None:
        @firestore.transactional
        def carry_out(transaction: Any) -> None:
            user.document("notes/n").get(transaction=transaction)
            transaction.update(user.document("notes/n"), {"text": "c"})

        carry_out(user.transaction())

    edit(sign_in("u"))
    with DENIED:
        edit(sign_in("v"))
    assert client.document("notes/n").get().get("text") == "c"


def test_a_query_is_allowed_if_it_can_find_only_what_is_allowed(client: Any, sign_in: Callable[..., Any]) -> None:
    client.document("notes/n").set(note("u"))
    notes = sign_in("u").collection("notes")

    assert [each.id for each in notes.where(filter=FieldFilter("owner", "==", "u")).stream()] == ["n"]
    assert notes.where(filter=FieldFilter("owner", "==", "u")).count().get()[0][0].value == 1
    with DENIED:
        list(notes.stream())
    with DENIED:
        list(notes.list_documents())
    with DENIED:
        list(notes.where(filter=FieldFilter("owner", "==", "v")).stream())
    with DENIED:
        list(notes.where(filter=FieldFilter("owner", "in", ["u", "v"])).stream())
    with DENIED:
        list(notes.where(filter=Or([FieldFilter("owner", "==", "u"), FieldFilter("text", "==", "a")])).stream())
    with DENIED:
        notes.where(filter=FieldFilter("text", "==", "a")).count().get()


def test_a_query_may_be_allowed_whatever_it_finds(client: Any, sign_in: Callable[..., Any]) -> None:
    client.document("notes/n").set(note("u"))
    client.document("roles/a").set({"admin": True})
    assert [each.id for each in sign_in("a").collection("notes").stream()] == ["n"]


def test_filters_prove_what_rules_ask_for(sign_in: Callable[..., Any]) -> None:
    user = sign_in("u")
    stories, scores, teams, levels = (user.collection(name) for name in ("stories", "scores", "teams", "levels"))
    levels = levels.where(filter=FieldFilter("at", "==", None))
    list(stories.where(filter=FieldFilter("state", "==", "published")).limit(10).stream())
    list(stories.where(filter=FieldFilter("state", "in", ["published", "archived"])).limit(1).stream())
    list(scores.where(filter=FieldFilter("points", ">", 20)).stream())
    list(scores.where(filter=FieldFilter("points", ">=", 10.0)).where(filter=FieldFilter("points", "<", 99)).stream())
    list(teams.where(filter=FieldFilter("members", "array_contains", "u")).stream())
    list(levels.where(filter=FieldFilter("points", "==", 10)).stream())
    for query in (
        stories.where(filter=FieldFilter("state", "==", "published")),
        stories.where(filter=FieldFilter("state", "==", "published")).limit(11),
        stories.where(filter=FieldFilter("state", "in", ["published", "draft"])).limit(1),
        scores.where(filter=FieldFilter("points", ">", 9)),
        scores.where(filter=FieldFilter("points", "<", 20)),
        scores.where(filter=FieldFilter("points", "!=", 1)),
        levels.where(filter=FieldFilter("points", "==", "10")),
        teams.where(filter=FieldFilter("members", "array_contains", "v")),
        teams.where(filter=FieldFilter("members", "array_contains_any", ["u", "v"])),
        teams.where(filter=FieldFilter("members", "==", ["u"])),
    ):
        with DENIED:
            list(query.stream())


def test_a_query_of_a_collection_group(client: Any, sign_in: Callable[..., Any]) -> None:
    client.document("stories/s/comments/c").set({"hidden": False})
    comments = sign_in("u").collection_group("comments")
    assert [each.id for each in comments.where(filter=FieldFilter("hidden", "==", False)).stream()] == ["c"]
    with DENIED:
        list(comments.stream())
    with DENIED:
        list(sign_in("u").collection_group("scores").where(filter=FieldFilter("points", ">", 20)).stream())


def test_who_listens_hears_what_a_rule_allows(client: Any, sign_in: Callable[..., Any]) -> None:
    client.document("notes/n").set(note("u"))
    heard: queue.Queue[list[str]] = queue.Queue()

    def hear(documents: list[Any], _changes: Any, _time: Any) -> None:
        heard.put([each.id for each in documents])

    notes = sign_in("u").collection("notes").where(filter=FieldFilter("owner", "==", "u"))
    watch = notes.on_snapshot(hear)
    assert heard.get(timeout=60) == ["n"]
    watch.unsubscribe()


def test_only_a_server_lists_collections(sign_in: Callable[..., Any]) -> None:
    with DENIED:
        list(sign_in("u").collections())


def test_a_token_that_is_none_is_refused(make_client: Callable[..., Any]) -> None:
    client = make_client()
    client._rpc_metadata_internal = [*client._rpc_metadata[:-1], ("authorization", "Bearer nonsense")]
    with pytest.raises(exceptions.Unauthenticated):
        client.document("public/p").get()


def test_rules_hold_over_rest_as_well(emulator: FirestoreEmulator, client: Any) -> None:
    client.document("notes/n").set(note("u"))
    url = f"http://127.0.0.1:{emulator.rest_port}/v1/projects/{client.project}/databases/(default)/documents:runQuery"
    owned = {"fieldFilter": {"field": {"fieldPath": "owner"}, "op": "EQUAL", "value": {"stringValue": "u"}}}
    query = {"structuredQuery": {"from": [{"collectionId": "notes"}], "where": owned}}

    def status(token: str | None) -> int:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        return requests.post(url, json=query, headers=headers, timeout=60).status_code

    assert status("owner") == status(token_of("u")) == 200
    assert status(token_of("v")) == status(None) == 403
