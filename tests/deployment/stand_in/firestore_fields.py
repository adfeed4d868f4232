"""Firestore's REST interface, as far as deploy.sh calls it itself: a field's own indexes, and a few documents."""

from http import HTTPStatus

from tests.deployment.stand_in.rest_request import Resource, RestAnswer, RestRequest, rest_error


def answer_firestore(state: Resource, request: RestRequest) -> RestAnswer:
    """Give a field its own indexes, or read and write documents.

    https://firebase.google.com/docs/firestore/reference/rest/v1/projects.databases.collectionGroups.fields

    Args:
        state: the project's.
        request: the request.
    """
    name, resources = request.name, state["resources"]
    if "/documents" in name:
        return _answer_about_documents(state, request)
    is_known = (request.method, request.version, request.query) == ("PATCH", "v1", {"updateMask": ["indexConfig"]})
    if not is_known or not _is_valid(name, request.body):
        return rest_error(HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT")
    if name.partition("/collectionGroups/")[0] not in resources:
        return rest_error(HTTPStatus.NOT_FOUND, "NOT_FOUND")
    indexes = [{**index, "state": "READY"} for index in request.body["indexConfig"]["indexes"]]
    resources.setdefault(name, {"name": name})["indexConfig"] = {"indexes": indexes}
    return HTTPStatus.OK, {"name": f"{name.partition('/collectionGroups')[0]}/operations/1"}


def _is_valid(name: str, body: Resource) -> bool:
    indexes = body["indexConfig"]["indexes"]
    return body["name"] == name and all(
        index["queryScope"] in {"COLLECTION", "COLLECTION_GROUP"}
        and [field.keys() & {"order", "arrayConfig"} for field in index["fields"]] in ([{"order"}], [{"arrayConfig"}])
        and index["fields"][0]["fieldPath"] == name.rpartition("/")[2]
        for index in indexes
    )


def _answer_about_documents(state: Resource, request: RestRequest) -> RestAnswer:
    """Write documents, or read one: a delivery is sent once the schedule's job has run by hand."""
    documents = state.setdefault("documents", {})
    if request.name.endswith("/documents:commit"):
        for write in request.body["writes"]:
            if "delete" in write:
                documents.pop(write["delete"], None)
            else:
                documents[write["update"]["name"]] = write["update"]
        return HTTPStatus.OK, {}
    if "/deliveries/" in request.name and state["forced_runs"]:
        return HTTPStatus.OK, {"name": request.name, "fields": {"state": {"stringValue": "sent"}}}
    return rest_error(HTTPStatus.NOT_FOUND, "NOT_FOUND")
