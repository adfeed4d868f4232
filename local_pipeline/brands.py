"""The brands of a project, as far as the local cloud passes them on. The worker says what is wrong with them."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from local_cloud.errors import LocalCloudError
from local_pipeline.provider import Provider

_FILE = "brands.yaml"


def brand_variables(project: Path, provider: Provider, smtp_url: str) -> dict[str, str]:
    """The variables by which functions and commands know the brands.

    Args:
        project: the folder that holds the file.
        provider: through whom the pipeline sends.
        smtp_url: of the mail server, which has one account for all.

    Raises:
        LocalCloudError: the file is no YAML.
    """
    brands = _read(project)
    if not brands:
        return {}
    keys = {name: smtp_url if provider is Provider.SMTP else _key(provider, name) for name in _accounts(brands)}
    return {"BRANDS": json.dumps(brands), **({"MAIL_ACCOUNTS": json.dumps(keys)} if keys else {})}


def brand_domains(project: Path, own_keys: Mapping[Provider, str]) -> dict[str, list[str]]:
    """The domains that the stand-ins of the providers take mails from, by the key of the account.

    Args:
        project: as above.
        own_keys: of the deployment's own accounts.
    """
    found: dict[str, list[str]] = {}
    for brand in _each(_read(project)):
        domains = [str(brand["from"]).rpartition("@")[2]] if brand.get("from") else []
        for provider, own in own_keys.items():
            account = brand.get("account")
            found.setdefault(_key(provider, str(account)) if account else own, []).extend(domains)
    return found


def _key(provider: Provider, account: str) -> str:
    return f"re_local-cloud_{account}" if provider is Provider.RESEND else f"SG.{account}.not-a-secret"


def _accounts(brands: Any) -> list[str]:
    return sorted({str(each["account"]) for each in _each(brands) if each.get("account")})


def _each(brands: Any) -> Iterator[Mapping[str, Any]]:
    yield from (each for each in brands.values() if isinstance(each, dict)) if isinstance(brands, dict) else ()


def _read(project: Path) -> Any:
    file = project / _FILE
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise LocalCloudError(f"{_FILE}: {' '.join(str(error).split())}") from error
