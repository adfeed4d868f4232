"""Firebase's Trigger Email extension on the local cloud: what one email takes that is finished already.

Its code is no npm package. `git clone https://github.com/firebase/extensions` brings it, and in the folder
`firestore-send-email/functions` these make it run:

    npm ci --ignore-scripts && npx tsc -p . && npm install --no-save @google-cloud/functions-framework

TRIGGER_EMAIL names that folder. The extension is called for each write of an email's document, its own writes too: four
times for an email. https://extensions.dev/extensions/firebase/firestore-send-email
"""

import base64
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import requests
from google.cloud.firestore_v1.types import Document, GetDocumentRequest

from local_cloud.clock import Clock
from local_pipeline.inbox.server import Inbox
from local_pipeline.inbox.smtp import SmtpServer
from local_pipeline.machine_variables import machine_variables
from proof.benchmarks.cloud import Cloud
from proof.benchmarks.cpu_time import cpu_seconds
from proof.benchmarks.documents import PROJECT, ROOT
from tests.support import Background

_START_SECONDS = 60.0
_FAR_AHEAD = 4_000_000_000
_HTML, _TEXT = f"<p>{'x' * 30_000}</p>", "x" * 2_000
"""As long as the worker's own."""
_PICTURE = base64.b64encode(bytes(range(250)) * 3).decode()


def trigger_email_folder() -> Path | None:
    """Where the extension's code is; None where it is not named."""
    folder = os.environ.get("TRIGGER_EMAIL")
    return Path(folder) if folder else None


class TriggerEmail:
    """The extension's function, and what a trigger does for it.

    Args:
        pid: of its process.
        url: where it answers.
        cloud: whose Firestore it uses.
    """

    def __init__(self, pid: int, url: str, cloud: Cloud) -> None:
        self._pid = pid
        self._url = url
        self._cloud = cloud
        self._channel = grpc.insecure_channel(cloud.addresses["FIRESTORE_EMULATOR_HOST"])
        self._get: Any = self._channel.unary_unary(
            "/google.firestore.v1.Firestore/GetDocument",
            request_serializer=GetDocumentRequest.pb().SerializeToString,
            response_deserializer=Document.pb().FromString,
        )
        self._session = requests.Session()

    def cpu_ms(self, prefix: str, count: int, *, has_picture: bool) -> float:
        """Milliseconds of CPU an email, one email after another.

        Args:
            prefix: of the emails' ids.
            count: how many.
            has_picture: whether a picture comes with each.
        """
        picture = {"filename": "chart.png", "content": _PICTURE, "encoding": "base64", "cid": "chart"}
        message = {"subject": "Your activity", "text": _TEXT, "html": _HTML, "attachments": [picture] * has_picture}
        ids = [f"{prefix}-{number}" for number in range(count)]
        self._cloud.put_in((f"mail/{each}", {"to": [f"{each}@example.com"], "message": message}) for each in ids)
        before = cpu_seconds(self._pid)
        for each in ids:
            self._send(each)
        return (cpu_seconds(self._pid) - before) / count * 1000

    def _send(self, mail_id: str) -> None:
        made = self._document(mail_id)
        self._trigger(mail_id, made, None)
        pending = self._document(mail_id)
        self._trigger(mail_id, pending, made)
        done = self._document(mail_id)
        if done.fields["delivery"].map_value.fields["state"].string_value != "SUCCESS":
            raise RuntimeError(f"the email was not sent: {done.fields['delivery']}")
        processing = Document.pb()()
        processing.CopyFrom(pending)
        delivery = processing.fields["delivery"].map_value.fields
        delivery["state"].string_value = "PROCESSING"
        delivery["leaseExpireTime"].timestamp_value.seconds = _FAR_AHEAD
        self._trigger(mail_id, processing, pending)
        self._trigger(mail_id, done, processing)

    def _document(self, mail_id: str) -> Any:
        return self._get(GetDocumentRequest.pb()(name=f"{ROOT}/documents/mail/{mail_id}"))

    def _trigger(self, mail_id: str, value: Any, old_value: Any) -> None:
        """Call the function as Eventarc does.

        https://github.com/googleapis/google-cloudevents/blob/main/proto/google/events/cloud/firestore/v1/data.proto
        """
        data = _field(1, value.SerializeToString())
        if old_value is not None:
            data += _field(2, old_value.SerializeToString())
        event = {
            "id": f"{mail_id}-{time.monotonic_ns()}",
            "source": f"//firestore.googleapis.com/{ROOT}",
            "subject": f"documents/mail/{mail_id}",
            "type": "google.cloud.firestore.document.v1.written",
            "specversion": "1.0",
            "time": "2026-11-24T12:00:00Z",
            "document": f"mail/{mail_id}",
            "project": PROJECT,
            "database": "(default)",
            "namespace": "(default)",
            "location": "us-central1",
        }
        headers = {f"ce-{name}": text for name, text in event.items()}
        headers["Content-Type"] = "application/protobuf"
        self._session.post(self._url, data=data, headers=headers, timeout=60).raise_for_status()


@contextmanager
def trigger_email(folder: Path, cloud: Cloud) -> Iterator[TriggerEmail]:
    """Run the extension, and a mail server for it.

    Args:
        folder: see above.
        cloud: the local cloud.
    """
    background, clock = Background(), Clock()
    inbox = Inbox(host="127.0.0.1", port=0, clock=clock, sendgrid_api_key="SG.benchmark")
    server = SmtpServer(inbox, host="127.0.0.1", port=0, clock=clock, user="user", password="password")
    background.run(server.start())
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    program = str(folder / "node_modules" / ".bin" / "functions-framework")
    variables = {
        **machine_variables(),
        **cloud.addresses,
        "GCLOUD_PROJECT": PROJECT,
        "FIREBASE_CONFIG": f'{{"projectId": "{PROJECT}"}}',
        "LOCATION": "us-central1",
        "MAIL_COLLECTION": "mail",
        "SMTP_CONNECTION_URI": f"smtp://user@127.0.0.1:{server.port}",
        "SMTP_PASSWORD": "password",
        "DEFAULT_FROM": "reports@example.com",
    }
    command = ["node", program, "--target=processQueue", "--signature-type=cloudevent", f"--port={port}"]
    with (cloud.logs / "trigger-email.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=variables, stdout=log, stderr=log)
    try:
        _await_connections(port, process)
        yield TriggerEmail(process.pid, f"http://127.0.0.1:{port}", cloud)
    finally:
        process.kill()
        process.wait()
        background.run(server.stop())
        background.close()


def _await_connections(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > until or process.poll() is not None:
                raise
            time.sleep(0.05)
        else:
            return


def _field(number: int, content: bytes) -> bytes:
    """A message within a message. https://protobuf.dev/programming-guides/encoding/"""
    length, size = b"", len(content)
    while size >= 0x80:
        length += bytes([size & 0x7F | 0x80])
        size >>= 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content
