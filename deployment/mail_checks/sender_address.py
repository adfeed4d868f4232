"""The sender's address, and the postal address that ends every email."""

import re

from deployment.mail_checks.finding import Check, Finding
from deployment.mail_checks.resolver import is_reserved

_MAILBOX_PROVIDER = re.compile(
    r"(?:gmail|googlemail|ymail|rocketmail|aol|msn|icloud|me|mac|proton|protonmail|fastmail|zoho|qq|163|126|mail)\.com"
    r"|(?:yahoo|hotmail|outlook|live|gmx|yandex)\.[a-z]{2,3}(?:\.[a-z]{2})?"
    r"|web\.de|t-online\.de|freenet\.de|proton\.me|pm\.me|mail\.ru|naver\.com|daum\.net|libero\.it|orange\.fr"
)
"""Domains in which anyone gets an address. Their DMARC policies have emails refused that others send in their name."""


def domain_of(address: str) -> str:
    """The domain of an address, as DNS has it."""
    domain = address.rpartition("@")[2].rstrip(".").lower()
    try:
        return domain.encode("idna").decode()
    except UnicodeError:
        return domain


def check_sender_address(sender: str) -> Finding:
    """Check that MAIL_FROM has a domain of its own."""
    domain = domain_of(sender)
    if _MAILBOX_PROVIDER.fullmatch(domain):
        return Check("sender").problem(
            f"MAIL_FROM is at {domain}, whose owner has receivers refuse emails that others send in its name",
            "Set MAIL_FROM to an address at your own domain.",
        )
    if is_reserved(domain):
        return Check("sender").unknown(
            f"MAIL_FROM is at {domain}, which is reserved for examples and tests",
            "Set MAIL_FROM to an address at your own domain before you send emails to people.",
        )
    return Check("sender").ok(f"MAIL_FROM is at {domain}")


def check_postal_address(postal_address: str) -> Finding:
    """Check that emails end with a postal address, which the law of some countries asks for in commercial emails.
    https://www.ftc.gov/business-guidance/resources/can-spam-act-compliance-guide-business"""
    if postal_address.strip():
        return Check("postal-address").ok("every email ends with MAIL_POSTAL_ADDRESS")
    return Check("postal-address").warning(
        "MAIL_POSTAL_ADDRESS is not set; the law of some countries asks for a postal address in commercial emails",
        "Set MAIL_POSTAL_ADDRESS in deploy.env, if your reports are commercial emails.",
    )
