"""A resolver that speaks Google Public DNS's JSON, and refuses what that one refuses.

https://developers.google.com/speed/public-dns/docs/doh/json
"""

import asyncio
import string
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from local_cloud.http import HttpServer
from tests.support import Background

CNAME, TXT, RRSIG = 5, 16, 46
_NUMBERS = {"CNAME": CNAME, "TXT": TXT}
_IN_NAMES = frozenset(string.ascii_lowercase + string.digits + "-_")


class DnsRecords:
    """What the resolver knows, and how it behaves.

    Attributes:
        records: of each name, types and data.
        rcodes: of names that DNS answers with an error.
        quotes: whether the strings of TXT records are quoted, as some resolvers do.
        http_status: answered in place of anything else, if set.
        body: answered in place of JSON, if set.
        hangs: whether no call is answered.
        asked: the names that were asked about, in order.
        url: where the resolver is.
    """

    def __init__(self) -> None:
        self.records: dict[str, list[tuple[int, str]]] = {}
        self.rcodes: dict[str, int] = {}
        self.quotes = False
        self.http_status = 0
        self.body = ""
        self.hangs = False
        self.asked: list[str] = []
        self.url = ""

    def txt(self, name: str, *texts: str) -> None:
        """Publish TXT records."""
        self.records.setdefault(name, []).extend((TXT, text) for text in texts)

    def cname(self, name: str, target: str) -> None:
        """Publish an alias."""
        self.records[name] = [(CNAME, target)]

    async def resolve(self, request: web.Request) -> web.Response:
        """Answer one call."""
        if self.hangs:
            await asyncio.Event().wait()
        if self.http_status:
            return web.Response(status=self.http_status)
        if self.body:
            return web.Response(text=self.body)
        name = request.query.get("name", "").removesuffix(".").lower()
        kind = request.query.get("type", "A").upper()
        if not _is_name(name) or kind not in _NUMBERS:
            return web.json_response({"error": "Invalid name or type"}, status=400)
        self.asked.append(name)
        answer, status = self._look_up(name, _NUMBERS[kind])
        body: dict[str, object] = {"Status": status, "TC": False, "RD": True, "RA": True, "AD": False, "CD": False}
        body["Question"] = [{"name": f"{name}.", "type": _NUMBERS[kind]}]
        return web.json_response(body | ({"Answer": answer} if answer else {}))

    def _look_up(self, name: str, wanted: int) -> tuple[list[dict[str, object]], int]:
        found: list[dict[str, object]] = []
        while True:
            if name in self.rcodes:
                return [], self.rcodes[name]
            if name not in self.records:
                return found, 3
            for kind, data in self.records[name]:
                shown = f'"{data}"' if kind == TXT and self.quotes else f"{data}." if kind == CNAME else data
                if kind in {CNAME, RRSIG, wanted}:
                    found.append({"name": f"{name}.", "type": kind, "TTL": 300, "data": shown})
            alias = next((data for kind, data in self.records[name] if kind == CNAME), None)
            if alias is None:
                return found, 0
            name = alias


def _is_name(name: str) -> bool:
    return 1 <= len(name) <= 253 and all(1 <= len(label) <= 63 and set(label) <= _IN_NAMES for label in name.split("."))


@contextmanager
def running_resolver(background: Background) -> Iterator[DnsRecords]:
    """Start the resolver, and stop it at the end."""
    dns, app = DnsRecords(), web.Application()
    app.router.add_get("/resolve", dns.resolve)
    server = HttpServer("resolver", app, "127.0.0.1", 0)
    background.run(server.start())
    dns.url = f"{server.url}/resolve"
    try:
        yield dns
    finally:
        background.run(server.stop())
