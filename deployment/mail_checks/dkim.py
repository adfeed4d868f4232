"""DKIM: the keys by which receivers verify the emails' signatures.

https://www.rfc-editor.org/rfc/rfc6376#section-3.6.1
"""

from collections.abc import Mapping, Sequence

from deployment.mail_checks.finding import Check, Finding
from deployment.mail_checks.resolver import DnsAnswer, tags_of
from deployment.mail_checks.wanted_record import WantedRecord

_CHECK = Check("dkim")


def check_dkim(domain: str, keys: Sequence[WantedRecord], answers: Mapping[str, DnsAnswer]) -> Finding:
    """Check that the keys which the provider asks for are published, by the TXT records of their hosts."""
    failed = [answer for answer in answers.values() if answer.failure]
    wrong = [
        (fault, wanted)
        for wanted in keys
        if not answers[wanted.host].failure and (fault := _fault(answers[wanted.host], wanted))
    ]
    if wrong:
        return _CHECK.problem(
            "; ".join(f"{wanted.host} {fault}" for fault, wanted in wrong),
            f"Publish {'; '.join(str(wanted) for _, wanted in wrong)}.",
        )
    if failed:
        return _CHECK.unknown(_failure(failed))
    hosts = ", ".join(wanted.host for wanted in keys)
    return _CHECK.ok(f"the emails are signed as {domain}; keys: {hosts}")


def check_usual_names(domain: str, answers: Sequence[DnsAnswer], why: str, to_do: str) -> Finding:
    """Look for keys under a provider's usual names, if the provider does not say which it uses."""
    if answers and all(_keys(answer) and not _is_revoked(answer) for answer in answers):
        return _CHECK.ok(f"{', '.join(each.name for each in answers)} have keys")
    failed = [answer for answer in answers if answer.failure]
    return _CHECK.unknown(
        _failure(failed) if failed else f"{domain} has no keys under the usual names, and {why}",
        to_do,
    )


def _fault(answer: DnsAnswer, wanted: WantedRecord) -> str:
    """What is wrong with a key's record; empty where nothing is.

    A DNS service that resolves aliases itself shows none.
    """
    if wanted.kind == "cname" and answer.aliases and wanted.data.lower() not in answer.aliases:
        return f"leads to {answer.aliases[0]}"
    keys = _keys(answer)
    if not keys:
        return "has no key"
    if len(keys) > 1:
        return f"has {len(keys)} keys, of which receivers take any"
    return "has a key that is revoked" if _is_revoked(answer) else ""


def _failure(failed: Sequence[DnsAnswer]) -> str:
    return f"{', '.join(answer.name for answer in failed)}: {failed[0].failure}"


def _keys(answer: DnsAnswer) -> list[str]:
    records = map(tags_of, answer.texts)
    return [tags["p"] for tags in records if "p" in tags and tags.get("v", "DKIM1") == "DKIM1"]


def _is_revoked(answer: DnsAnswer) -> bool:
    return "" in _keys(answer)
