"""Prints what deploy.sh warns about: a line for each finding, its fields separated by tabs.

    check_sender.py MAIL_FROM SENDGRID_HOST POSTAL_ADDRESS

The API key is read from standard input, so that no list of processes shows it.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from deployment.mail_checks.authentication import domain_of
from deployment.mail_checks.dns import GOOGLE_PUBLIC_DNS, DnsOverHttps, is_reserved
from deployment.mail_checks.sender_account import SenderAccount
from deployment.mail_checks.sender_checks import SenderSettings, check_sender


def _plain(text: str) -> str:
    """A text that acts on no terminal: some of it comes from DNS."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def main(mail_from: str, sendgrid_host: str, postal_address: str) -> None:
    """Carry out the checks. From a domain for examples nothing is ever sent, so nothing is asked about it."""
    if is_reserved(domain_of(mail_from)):
        return
    account = SenderAccount(host=sendgrid_host, key=sys.stdin.readline().strip())
    dns = DnsOverHttps(os.environ.get("DNS_OVER_HTTPS_URL") or GOOGLE_PUBLIC_DNS)
    for finding in check_sender(SenderSettings(mail_from, postal_address), account=account, dns=dns):
        print("\t".join(map(_plain, (finding.state.value, finding.check, finding.found, finding.to_do))))


if __name__ == "__main__":
    main(*sys.argv[1:])
