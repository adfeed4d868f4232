"""What the sink of a drill counts."""

from http import HTTPStatus

import flask
import pytest
from werkzeug.test import EnvironBuilder

from functions.worker.destinations.email.model import Sender
from functions.worker.destinations.email.sendgrid.request import to_request
from proof.drill.sink import sink
from tests.functions.worker.unit.samples import mail


def test_the_email_by_which_an_outage_is_tried_out_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENDGRID_API_KEY", "SG.drill")
    body = to_request(mail("activity", {}), Sender(address="drill@example.com", sandbox=True))
    call = EnvironBuilder("/v3/mail/send", method="POST", json=body, headers=[("Authorization", "Bearer SG.drill")])
    # It needs no database.
    assert sink(flask.Request(call.get_environ()))[1] == HTTPStatus.OK
