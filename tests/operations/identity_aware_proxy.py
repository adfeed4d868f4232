"""Identity-Aware Proxy, as far as the console knows it: it signs assertions, and serves the keys to verify them with.

https://cloud.google.com/iap/docs/signed-headers-howto
"""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

AUDIENCE = "/projects/123456789012/locations/us-central1/services/report-console"
ISSUER = "https://cloud.google.com/iap"
HEADER = "X-Goog-IAP-JWT-Assertion"


class IdentityAwareProxy:
    """One key of the proxy's, and where it publishes it.

    Attributes:
        status: what a request for the keys is answered with.
        fetches: how often the keys were asked for.
    """

    def __init__(self) -> None:
        self.key_id = "f9R3yg"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.status = 200
        self.fetches = 0
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.fetches += 1
                body = json.dumps({"keys": [owner.jwk]}).encode()
                self.send_response(owner.status)
                self.send_header("Cache-Control", "public, max-age=3000")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Stay quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.keys_url = f"http://127.0.0.1:{self._server.server_port}/iap/verify/public_key-jwk"

    @contextmanager
    def running(self) -> Iterator["IdentityAwareProxy"]:
        """Serve the keys in a thread."""
        thread = threading.Thread(target=lambda: self._server.serve_forever(poll_interval=0.01), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key as the proxy publishes it."""
        key = ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {**key, "alg": "ES256", "use": "sig", "kid": self.key_id}

    def claims(self, email: str, /, **changes: Any) -> dict[str, Any]:
        """What the proxy says about a person; a claim that is changed to None is left out."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 600,
            "email": email,
            "sub": f"accounts:{email}",
        }
        return {name: value for name, value in {**claims, **changes}.items() if value is not None}

    def sign(self, claims: dict[str, Any], *, key_id: str | None = None) -> str:
        """An assertion with these claims."""
        headers = {"kid": key_id or self.key_id}
        return jwt.PyJWS().encode(json.dumps(claims).encode(), self._key, algorithm="ES256", headers=headers)

    def assertion(self, email: str, /, **changes: Any) -> str:
        """An assertion about a person."""
        return self.sign(self.claims(email, **changes))
