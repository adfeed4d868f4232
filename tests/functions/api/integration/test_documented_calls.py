"""What docs/guides/api.md shows, carried out against the running function."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from local_pipeline.machine_variables import machine_variables
from tests.documents.markdown import BLOCK_OF_CODE
from tests.functions.api.integration.conftest import APP, NEXT, House
from tests.seeding import seed
from tests.support import REPOSITORY

PAGE = (REPOSITORY / "docs" / "guides" / "api.md").read_text(encoding="utf-8")


def block(language: str, containing: str) -> str:
    """The block of code that has a text in it."""
    blocks = (each for each in BLOCK_OF_CODE.findall(PAGE) if each.startswith(f"```{language}\n"))
    return "\n".join(next(each for each in blocks if containing in each).splitlines()[1:-1])


@contextmanager
def metadata_server(house: House) -> Iterator[str]:
    """Where Google's library gets a token on Cloud Run. https://cloud.google.com/run/docs/securing/service-identity"""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            audience = parse_qs(urlsplit(self.path).query).get("audience", [""])[0]
            self.send_response(200)
            self.send_header("Metadata-Flavor", "Google")
            self.send_header("Content-Type", "text/plain" if audience else "application/json")
            self.end_headers()
            answer = house.identity.mint(APP, audience) if audience else json.dumps({"email": APP})
            self.wfile.write(answer.encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


def test_the_calls_of_the_page_do_what_it_says(house: House, tmp_path: Path) -> None:
    seed(house.database, "ada", subscription_id="weekly", next_report_at=NEXT)
    environment = {**machine_variables(), "API_URL": house.url}
    local_cloud = tmp_path / ".local_cloud"
    local_cloud.mkdir()
    variables = {"API_URL": house.url, "API_CALLERS": APP, "OIDC_ISSUER": house.identity.issuer}
    local_cloud.joinpath("environment").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    command = ["bash", "-euo", "pipefail", "-c", block("sh", "$OIDC_ISSUER")]
    listed = subprocess.run(command, check=True, capture_output=True, cwd=tmp_path, env=environment)
    assert [each["subscription_id"] for each in json.loads(listed.stdout)["subscriptions"]] == ["weekly"]
    with metadata_server(house) as address:
        of_google = {"GCE_METADATA_HOST": address, "GCE_METADATA_IP": address}
        script = "\n".join(block("python", each) for each in ("fetch_id_token", "/batch"))
        example = [sys.executable, "-c", script]
        done = subprocess.run(example, capture_output=True, text=True, env={**environment, **of_google})
    assert (done.stdout, done.stderr) == ("pending\n[200, 404]\n", "")
    assert house.document("ada", "weekly")["hour"] == 10
