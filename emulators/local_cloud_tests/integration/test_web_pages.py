"""What a web page that the developer visits can do to emulators that run: nothing.

A page cannot choose the headers that are tried here: the browser sends them. What it can choose is the rest.
"""

from collections.abc import Iterator, Mapping

import pytest
import requests

from local_cloud_tests.integration.test_serve import serve

EVIL = "https://evil.example"

FOREIGN: Mapping[str, Mapping[str, str]] = {
    "fetch": {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    "fetch without cors": {"Origin": EVIL, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    "image": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    "frame": {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    "older browser": {"Origin": EVIL},
    "sandboxed frame": {"Origin": "null"},
    "another server of this machine": {"Origin": "http://localhost:3000", "Sec-Fetch-Site": "same-site"},
}


@pytest.fixture(scope="module")
def emulators() -> Iterator[dict[str, str]]:
    """The address of each, by its variable."""
    with serve("--firestore-rest", "0", "--tasks-rest", "0", "--pubsub", "0") as variables:
        yield {name: value if "://" in value else f"http://{value}" for name, value in variables.items()}


def rebound(url: str) -> dict[str, str]:
    """What a page sends whose own name was made to lead to 127.0.0.1: to the browser it is at home."""
    name = f"evil.example:{url.rpartition(':')[2]}"
    return {"Host": name, "Origin": f"http://{name}", "Sec-Fetch-Site": "same-origin"}


def _attack(url: str, headers: Mapping[str, str], method: str = "POST", data: bytes | str = b"") -> requests.Response:
    answer = requests.request(method, url, headers=headers, data=data, timeout=100)
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    return answer


@pytest.mark.parametrize("part", ["FIRESTORE_REST_EMULATOR_HOST", "CLOUDTASKS_EMULATOR_HOST", "OIDC_ISSUER"])
@pytest.mark.parametrize("foreign", FOREIGN)
def test_the_emulators_alone(emulators: dict[str, str], part: str, foreign: str) -> None:
    url = emulators[part]
    for method in ("GET", "POST"):
        assert _attack(url, FOREIGN[foreign], method).status_code == 403
        assert _attack(url, rebound(url), method).status_code == 403


@pytest.mark.parametrize("part", ["FIRESTORE_EMULATOR_HOST", "PUBSUB_EMULATOR_HOST"])
@pytest.mark.parametrize("foreign", FOREIGN)
def test_what_serve_answers_beside_grpc(emulators: dict[str, str], part: str, foreign: str) -> None:
    url = emulators[part]
    for method in ("GET", "POST", "DELETE"):
        assert _attack(url, FOREIGN[foreign], method).status_code == 403
        assert _attack(url, rebound(url), method).status_code == 403
    upgrade = {"Connection": "Upgrade", "Upgrade": "h2c", "Content-Type": "application/grpc"}
    path = "/google.firestore.v1.Firestore/Commit"
    assert _attack(url + path, upgrade, data=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status_code == 501
