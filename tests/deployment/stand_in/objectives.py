"""Cloud Monitoring's REST interface, as far as deploy.sh calls it itself: services, objectives and time series.

https://cloud.google.com/monitoring/api/ref_v3/rest/v3/services
"""

import re
from http import HTTPStatus

from tests.deployment.stand_in.messages import Invalid
from tests.deployment.stand_in.monitoring import Monitored
from tests.deployment.stand_in.rest_request import Resource, RestAnswer, RestRequest, rest_error
from tests.deployment.stand_in.time_series import list_time_series

_SERVICE = re.compile(r"projects/[^/]+/services(/[a-z0-9-]+)?")
_OBJECTIVE = re.compile(r"projects/[^/]+/services/[a-z0-9-]+/serviceLevelObjectives(/[a-z0-9-]+)?")
_ENABLED = "monitoring.googleapis.com"


def answer_monitoring(state: Resource, request: RestRequest) -> RestAnswer:
    """Read, make, change or delete a service or an objective, or list time series.

    Args:
        state: the project's.
        request: the request.
    """
    if _ENABLED not in state["enabled"]:
        message = "Cloud Monitoring API has not been used in project before or it is disabled."
        return rest_error(HTTPStatus.FORBIDDEN, "PERMISSION_DENIED", message)
    if request.name.endswith("/timeSeries"):
        return list_time_series(state, request)
    is_objective = _OBJECTIVE.fullmatch(request.name) is not None
    if request.version != "v3" or not (is_objective or _SERVICE.fullmatch(request.name)):
        return rest_error(HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT", request.name)
    name = request.name
    if request.method == "POST":
        [own] = request.query["serviceLevelObjectiveId" if is_objective else "serviceId"]
        name = f"{name}/{own}"
    return _act(state["resources"], request, name, is_objective=is_objective)


def _act(resources: Resource, request: RestRequest, name: str, *, is_objective: bool) -> RestAnswer:
    if request.method == "POST" and name in resources:
        return rest_error(HTTPStatus.CONFLICT, "ALREADY_EXISTS", name)
    needed = name.rpartition("/serviceLevelObjectives/")[0] if request.method == "POST" and is_objective else name
    if needed not in resources and (request.method != "POST" or is_objective):
        return rest_error(HTTPStatus.NOT_FOUND, "NOT_FOUND", needed)
    if request.method == "GET":
        return HTTPStatus.OK, resources[name]
    if request.method == "DELETE":
        for each in [each for each in resources if each == name or each.startswith(f"{name}/")]:
            del resources[each]
        return HTTPStatus.OK, {}
    resource = {**resources.get(name, {}), **request.body}
    monitored = Monitored.of(resources)
    try:
        if is_objective:
            monitored.check_objective(resource)
        else:
            monitored.check_service(resource)
    except Invalid as error:
        return rest_error(HTTPStatus.BAD_REQUEST, "INVALID_ARGUMENT", str(error))
    resources[name] = {**resource, "name": name}
    return HTTPStatus.OK, resources[name]
