"""A brand that the project's `brands.yaml` names: what it has in place of the deployment's own settings."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from functions.shared.appearance import FontFamilies, HexColor, HttpsUrl

BRANDS_FILE = "brands.yaml"

Settings = TypeVar("Settings", bound=BaseModel)

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
"""Of a brand, or of an account at the email provider."""

_Address = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]


class NamedBrand(BaseModel):
    """One brand of the file. A field has the name of the setting that it replaces, and in the file its alias.

    Attributes:
        link_domain: where the links to the recipient's page lead.
        account: the account at the email provider that its emails leave by; empty: the deployment's.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    brand_name: str = Field("", alias="name")
    brand_logo_url: HttpsUrl = Field("", alias="logo_url")
    brand_color: HexColor = Field("", alias="color")
    brand_url: HttpsUrl = Field("", alias="url")
    brand_font: FontFamilies = Field("", alias="font")
    brand_font_url: HttpsUrl = Field("", alias="font_url")
    mail_from: _Address = Field("", alias="from")
    mail_from_name: str = Field("", alias="from_name")
    mail_reply_to: _Address = Field("", alias="reply_to")
    mail_postal_address: str = Field("", alias="postal_address")
    mail_unsubscribe_group: int = Field(0, alias="unsubscribe_group", ge=1)
    link_domain: str = Field("", pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")
    account: Name = ""

    def within(self, settings: Settings) -> Settings:
        """Settings with this brand's in their place.

        What belongs to another name or another sender is not taken over: a logo, a font's file, an address for replies.

        Args:
            settings: of the deployment; those that they do not have are left out.
        """
        own = {name: getattr(self, name) for name in self.model_fields_set - {"link_domain", "account"}}
        if self.brand_name:
            own = {"brand_logo_url": None, "mail_from_name": self.brand_name, **own}
        if self.brand_font:
            own = {"brand_font_url": None, **own}
        if self.mail_from:
            own = {"mail_reply_to": None, **own}
        page = urlsplit(getattr(settings, "preferences_url", None) or "")
        # On this machine, where no other domain leads, it stays.
        if self.link_domain and page.scheme == "https":
            own["preferences_url"] = page._replace(netloc=self.link_domain).geturl()
        return settings.model_copy(update={name: own[name] for name in own.keys() & type(settings).model_fields.keys()})


def brand_name_of(document: Mapping[str, Any]) -> str:
    """The name of a user's brand; empty where the document names none, or has a map of its own.

    Args:
        document: the user's. The team's application writes it: the field may be anything.
    """
    name = document.get("brand")
    return name if isinstance(name, str) else ""


Brands = dict[Name, NamedBrand]
_BRANDS: TypeAdapter[Brands] = TypeAdapter(Brands)


def read_brands(file: Path) -> Brands:
    """The brands of the file; none where it is not there.

    Raises:
        ValueError: with what is wrong, in a line that names the file.
    """
    # The functions get them as JSON.
    import yaml

    try:
        return _BRANDS.validate_python((yaml.safe_load(file.read_bytes()) if file.is_file() else None) or {})
    except ValidationError as error:
        words = ((each["loc"], each["msg"].removeprefix("Value error, ")) for each in error.errors(include_url=False))
        problem = "; ".join(": ".join(filter(None, (".".join(map(str, place)), text))) for place, text in words)
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
    raise ValueError(f"{BRANDS_FILE}: {problem}")


def to_json(brands: Brands) -> str:
    """The brands as the variable BRANDS has them; empty where there are none."""
    named = {name: each.model_dump(by_alias=True, exclude_unset=True) for name, each in brands.items()}
    return json.dumps(named) if named else ""


def problems(brands: Brands, *, in_group: bool, has_page: bool, is_ascii: bool) -> Iterator[str]:
    """What does not go with the deployment, in a line each.

    Args:
        brands: of the file.
        in_group: whether the email provider keeps the list of those who unsubscribed.
        has_page: whether there is the recipient's page.
        is_ascii: whether addresses must be ASCII before their @.
    """
    for name, each in brands.items():
        wrong = {
            "unsubscribe_group needs MAIL_UNSUBSCRIBE_GROUP": each.mail_unsubscribe_group and not in_group,
            "needs unsubscribe_group, since a group belongs to an account": (
                in_group and each.account and not each.mail_unsubscribe_group
            ),
            "link_domain needs the recipient's page": each.link_domain and not has_page,
            "from and reply_to must be ASCII before the @ with MAIL_PROVIDER=smtp": is_ascii
            and not all(address.rpartition("@")[0].isascii() for address in (each.mail_from, each.mail_reply_to)),
        }
        yield from (f"{BRANDS_FILE}: {name}: {problem}" for problem, is_so in wrong.items() if is_so)
