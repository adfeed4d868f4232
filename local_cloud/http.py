"""HTTP servers of the local cloud."""

import errno

from aiohttp import web

from local_cloud.errors import PortInUse


class HttpServer:
    """An aiohttp application on one port.

    Args:
        name: what it is, for the error message when its port is taken.
        app: what it serves.
        host: the address to bind.
        port: the port, 0 for any free one.
    """

    def __init__(self, name: str, app: web.Application, host: str, port: int) -> None:
        self._name = name
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        self._host = host
        self.port = port

    async def start(self) -> None:
        """Bind and begin to serve; `port` is the bound one afterwards.

        Raises:
            PortInUse: another process has the port.
        """
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, self.port).start()
        except OSError as error:
            await self._runner.cleanup()
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(self.port, self._name) from error
            raise
        self.port = self._runner.addresses[0][1]

    @property
    def url(self) -> str:
        """Where it is served, once started."""
        return f"http://{self._host}:{self.port}"

    async def stop(self) -> None:
        """Stop serving. Everything else about it can still be used."""
        await self._runner.cleanup()
