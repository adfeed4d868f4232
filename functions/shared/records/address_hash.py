"""A name for an email address where the address itself must not stand."""

import hashlib

HASH_CHARACTERS = 16


def address_hash(address: str) -> str:
    """16 hexadecimal characters, the same for an address however its capitals are written, as for email providers.

    It keeps addresses out of documents that people look at. It is no secret: who knows an address can compute it.

    Args:
        address: an email address; white space around it does not count.
    """
    digest = hashlib.sha256(address.strip().casefold().encode("utf-8", "replace")).hexdigest()
    return digest[:HASH_CHARACTERS]
