"""A name server on this machine, over UDP and TCP, which also follows aliases as a recursive one does."""

import asyncio
import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
from dns.rdtypes.ANY.TXT import TXT

from tests.support import Background, free_ports

_SECONDS = 300
_MOST_ALIASES = 20
_MOST_BYTES_IN_UDP = 512
_MOST_BYTES_OF_A_STRING = 255


class DnsRecords:
    """What the server knows, and how it behaves.

    Attributes:
        texts: the TXT records of each name.
        aliases: where the CNAME of a name leads.
        rcodes: of names that DNS answers with an error.
        hangs: whether no question is answered.
        asked: the names that were asked about, in order, each once for UDP and once for TCP.
        address: of the server, as in DNS_SERVER.
    """

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.aliases: dict[str, str] = {}
        self.rcodes: dict[str, dns.rcode.Rcode] = {}
        self.hangs = False
        self.asked: list[str] = []
        self.address = ""

    def txt(self, name: str, *texts: str) -> None:
        """Publish TXT records."""
        self.texts.setdefault(name, []).extend(texts)

    def cname(self, name: str, target: str) -> None:
        """Publish an alias."""
        self.aliases[name] = target

    def clear(self) -> None:
        """Take all records back."""
        self.texts.clear()
        self.aliases.clear()

    def answer(self, wire: bytes) -> dns.message.Message | None:
        """The answer to a question; None where the server hangs."""
        if self.hangs:
            return None
        question = dns.message.from_wire(wire)
        response = dns.message.make_response(question, recursion_available=True)
        [asked] = question.question
        name = asked.name.to_text(omit_final_dot=True).lower()
        self.asked.append(name)
        while name in self.aliases and len(response.answer) < _MOST_ALIASES:
            target = self.aliases[name]
            response.answer.append(dns.rrset.from_text(f"{name}.", _SECONDS, "IN", "CNAME", f"{target}."))
            name = target
        if name in self.rcodes:
            response.set_rcode(self.rcodes[name])
        elif name not in self.texts:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif asked.rdtype == dns.rdatatype.TXT and (texts := self.texts[name]):
            records = [TXT(asked.rdclass, asked.rdtype, _strings(text)) for text in texts]
            response.answer.append(dns.rrset.from_rdata(f"{name}.", _SECONDS, *records))
        return response


def _strings(text: str) -> list[bytes]:
    data = text.encode()
    return [data[at : at + _MOST_BYTES_OF_A_STRING] for at in range(0, max(len(data), 1), _MOST_BYTES_OF_A_STRING)]


class _OverUdp(asyncio.DatagramProtocol):
    def __init__(self, records: DnsRecords) -> None:
        self._records = records

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if response := self._records.answer(data):
            self._transport.sendto(response.to_wire(max_size=_MOST_BYTES_IN_UDP, prefer_truncation=True), addr)


@contextmanager
def running_dns(background: Background) -> Iterator[DnsRecords]:
    """Start the server, and stop it at the end."""
    records = DnsRecords()

    async def over_tcp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer):
            length = int.from_bytes(await reader.readexactly(2))
            if response := records.answer(await reader.readexactly(length)):
                writer.write(response.to_wire(prepend_length=True))
                await writer.drain()

    async def start() -> tuple[asyncio.Server, asyncio.DatagramTransport]:
        # Of those that no client gets, so that it is free of both protocols.
        host, port = "127.0.0.1", free_ports(1)
        udp, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: _OverUdp(records), (host, port))
        records.address = f"{host}:{port}"
        return await asyncio.start_server(over_tcp, host, port), udp

    async def stop() -> None:
        udp.close()
        tcp.close()

    tcp, udp = background.run(start())
    try:
        yield records
    finally:
        background.run(stop())
