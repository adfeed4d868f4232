"""Firestore's documents, as far as deploy.sh touches them itself."""

from http import HTTPStatus

from tests.deployment.stand_in.rest_request import Resource, RestAnswer, RestRequest, rest_error


def answer_documents(state: Resource, request: RestRequest) -> RestAnswer:
    """Read or write documents. A delivery is in each of the states that `delivery_states` of the project has, one after
    the other as it is looked at, once the schedule's job has run by hand.

    https://firebase.google.com/docs/firestore/reference/rest/v1/projects.databases.documents

    Args:
        state: the project's.
        request: the request.
    """
    documents = state["documents"]
    if request.name.endswith(("/documents:commit", "/documents:batchWrite")):
        state["written"] += request.body["writes"]
        for write in request.body["writes"]:
            if "delete" in write:
                documents.pop(write["delete"], None)
            else:
                documents[write["update"]["name"]] = write["update"]
        return HTTPStatus.OK, {}
    if request.name.count("/") % 2 == 1:
        found = [each for name, each in documents.items() if name.rpartition("/")[0] == request.name]
        return HTTPStatus.OK, {"documents": found[: int(request.query["pageSize"][0])]}
    if "/deliveries/" in request.name and state["forced_runs"] and (became := state["delivery_states"].pop(0)):
        fields = {"state": {"stringValue": became}, "last_error": {"stringValue": "no such key"}}
        return HTTPStatus.OK, {"name": request.name, "fields": fields}
    return rest_error(HTTPStatus.NOT_FOUND, "NOT_FOUND")


def document_method(request: RestRequest) -> str:
    """The method that a request about documents calls."""
    verb = request.name.partition("/documents:")[2]
    if not verb:
        # Collections and names by turns.
        verb = "list" if request.name.count("/") % 2 == 1 else "get"
    return f"firestore.projects.databases.documents.{verb}"
