"""The brands of a project, and their accounts at the stand-ins of the providers."""

import json
from collections.abc import Mapping
from pathlib import Path

from functions.shared.named_brand import BRANDS_FILE, Brands, read_brands, to_json
from local_cloud.errors import LocalCloudError
from local_pipeline.provider import Provider


def brand_variables(project: Path, provider: Provider, smtp_url: str) -> dict[str, str]:
    """The variables by which functions and commands know the brands.

    Args:
        project: the folder that holds the file.
        provider: through whom the pipeline sends.
        smtp_url: of the mail server, which has one account for all.

    Raises:
        LocalCloudError: something in the file is wrong.
    """
    brands = _read(project)
    accounts = sorted({each.account for each in brands.values() if each.account})
    keys = {name: smtp_url if provider is Provider.SMTP else _key(provider, name) for name in accounts}
    variables = {"BRANDS": to_json(brands), "MAIL_ACCOUNTS": json.dumps(keys) if keys else ""}
    return {name: value for name, value in variables.items() if value}


def brand_domains(project: Path, own_keys: Mapping[Provider, str]) -> dict[str, list[str]]:
    """The domains that the stand-ins of the providers take emails from, by the key of the account.

    Args:
        project: as above.
        own_keys: of the deployment's own accounts.
    """
    found: dict[str, list[str]] = {}
    for brand in _read(project).values():
        for provider, own in own_keys.items():
            domains = found.setdefault(_key(provider, brand.account) if brand.account else own, [])
            domains += [brand.mail_from.rpartition("@")[2]] if brand.mail_from else []
    return found


def _key(provider: Provider, account: str) -> str:
    return f"re_local-cloud_{account}" if provider is Provider.RESEND else f"SG.{account}.not-a-secret"


def _read(project: Path) -> Brands:
    try:
        return read_brands(project / BRANDS_FILE)
    except ValueError as error:
        raise LocalCloudError(str(error)) from error
