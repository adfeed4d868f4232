"""HTTPS in front of a server of this machine: deploy.sh sends an API key nowhere else."""

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.certificates import Authority
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
    authority = Authority.make(directory)
    context = authority.server(_HOST)

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
        yield {"SENDGRID_HOST": url, "RESEND_HOST": url, "SSL_CERT_FILE": str(authority.file)}
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
