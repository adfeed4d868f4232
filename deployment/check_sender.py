"""Prints what deploy.sh warns about: a line for each finding, its fields separated by tabs.

    check_sender.py PROVIDER MAIL_FROM HOST POSTAL_ADDRESS REPORTS_A_SECOND

The API key, or SMTP_URL, is read from standard input, so that no list of processes shows it.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from deployment.mail_checks.dns import GOOGLE_PUBLIC_DNS, DnsOverHttps, is_reserved
from deployment.mail_checks.provider_checks import checks_of
from deployment.mail_checks.sender_address import domain_of
from deployment.mail_checks.sender_settings import SenderSettings


def _plain(text: str) -> str:
    """A text that acts on no terminal: some of it comes from DNS."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def main(provider: str, mail_from: str, host: str, postal_address: str, reports_a_second: str) -> None:
    """Carry out the checks. From a domain for examples nothing is ever sent, so nothing is asked about it."""
    if is_reserved(domain_of(mail_from)):
        return
    settings = SenderSettings(mail_from, postal_address, float(reports_a_second))
    checks = checks_of(provider, settings, host=host, key=sys.stdin.readline().strip())
    for finding in checks.sender(DnsOverHttps(os.environ.get("DNS_OVER_HTTPS_URL") or GOOGLE_PUBLIC_DNS)):
        print("\t".join(map(_plain, (finding.state.value, finding.check, finding.found, finding.to_do))))


if __name__ == "__main__":
    main(*sys.argv[1:])
