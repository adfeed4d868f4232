"""Where the emails are kept: who and what about in memory, the rest packed in a temporary file.

Ten thousand emails with a chart each are about a gigabyte as they come, and that would be a heavy inbox to run beside
everything else on a laptop.
"""

import json
import logging
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, overload

from local_pipeline.inbox.mail import Envelope, Mail

IN_MEMORY = 8 * 1024 * 1024

_log = logging.getLogger(__name__)


class MailStore(Sequence[Envelope]):
    """All emails, the oldest first. As a sequence it gives envelopes; `read` gives the whole email.

    Use it from the event loop's own thread, or while no email is on its way.

    Args:
        in_memory: bytes of packed email that are kept in memory before the file is used.
    """

    def __init__(self, in_memory: int = IN_MEMORY) -> None:
        self._envelopes: list[Envelope] = []
        self._places: dict[str, tuple[int, int, int]] = {}
        self._by_recipient: dict[str, list[Envelope]] = {}
        self._texts: dict[str, str] = {}
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=in_memory)  # noqa: SIM115 - closed by close()
        self._end = 0

    def add(self, mail: Mail) -> None:
        """Keep an email."""
        # Level 1: what is big in an email is base64, which any level packs to three quarters.
        packed = zlib.compress(json.dumps(mail.request, separators=(",", ":")).encode(), 1)
        self._file.seek(self._end)
        self._file.write(packed)
        envelope = mail.envelope
        self._places[envelope.id] = (len(self._envelopes), self._end, len(packed))
        self._end += len(packed)
        self._envelopes.append(envelope)
        for address in {each.email.lower() for each in envelope.recipients}:
            self._by_recipient.setdefault(address, []).append(envelope)

    def read(self, mail_id: str) -> Mail:
        """A whole email.

        Raises:
            KeyError: there is none by this id.
        """
        index, start, length = self._places[mail_id]
        self._file.seek(start)
        return Mail(envelope=self._envelopes[index], request=json.loads(zlib.decompress(self._file.read(length))))

    def to(self, address: str) -> Sequence[Envelope]:
        """The emails that went to an address, as to, cc or bcc."""
        return tuple(self._by_recipient.get(address.lower(), ()))

    def containing(self, text: str, among: Iterable[Envelope]) -> Sequence[Envelope]:
        """Those of some emails that have a text in them that people read, in capitals or not, however its lines break.

        The first search reads the emails; later ones are answered from memory.
        """
        wanted = searchable(text)
        return [envelope for envelope in among if wanted in self._text_of(envelope)]

    def _text_of(self, envelope: Envelope) -> str:
        if envelope.id not in self._texts:
            self._texts[envelope.id] = searchable(" ".join(self.read(envelope.id).texts()))
        return self._texts[envelope.id]

    def close(self) -> None:
        """Give the file back. The envelopes stay."""
        self._file.close()

    def __len__(self) -> int:
        return len(self._envelopes)

    def __iter__(self) -> Iterator[Envelope]:
        return iter(self._envelopes)

    @overload
    def __getitem__(self, index: int) -> Envelope: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Envelope]: ...
    def __getitem__(self, index: int | slice) -> Envelope | Sequence[Envelope]:
        return self._envelopes[index]


def searchable(text: str) -> str:
    """A text in one line, without regard to capitals."""
    return " ".join(text.split()).casefold()


def save(mail: Mail, directory: Path) -> None:
    """Write an email as `TIME-ID.html`, which a browser opens, and as `TIME-ID.eml`, which a mail program does.

    Addresses are not in the names: those get into listings, logs of other programs and bug reports.

    An email that cannot be written is logged, not refused: it was accepted, and is still in the inbox.
    """
    name = f"{mail.envelope.received_at:%Y%m%dT%H%M%SZ}-{mail.envelope.id}"
    try:
        (directory / f"{name}.html").write_text(mail.standalone_html(), encoding="utf-8", errors="replace")
        (directory / f"{name}.eml").write_bytes(mail.as_message().as_bytes())
    except (OSError, ValueError, LookupError) as error:
        _log.warning("Email %s could not be saved in %s: %s", mail.envelope.id, directory, error)
