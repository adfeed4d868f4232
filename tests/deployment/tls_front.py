"""HTTPS in front of a server of this machine: deploy.sh sends an API key nowhere else."""

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.support import Background

_HOST = "127.0.0.1"


@contextmanager
def tls_front(background: Background, port: int, directory: Path) -> Iterator[dict[str, str]]:
    """Hand connections on to a port of this machine.

    Args:
        background: where it runs.
        port: of the server.
        directory: where its certificate is kept.

    Yields:
        The environment by which a program finds it as the API of SendGrid and of Resend, and trusts its certificate.
    """
    certificate = make_certificate(directory)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(_HOST, port)
        # A client that has its answer hangs up as it likes.
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer))
        inner_writer.close()
        writer.close()

    server = background.run(asyncio.start_server(hand_on, _HOST, 0, ssl=context))
    try:
        url = f"https://{_HOST}:{server.sockets[0].getsockname()[1]}"
        yield {
            "SENDGRID_HOST": url,
            "RESEND_HOST": url,
            "SSL_CERT_FILE": str(certificate),
        }
    finally:
        background.loop.call_soon_threadsafe(server.close)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(65536):
        writer.write(block)
        await writer.drain()
    # TLS cannot close one direction alone.
    if writer.can_write_eof():
        writer.write_eof()
    else:
        writer.close()


def make_certificate(directory: Path) -> Path:
    """A certificate of this machine, with its private key, in a file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(_HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "certificate.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return path
