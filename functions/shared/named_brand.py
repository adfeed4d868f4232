"""A brand that the project's `brands.yaml` names: what it has in place of the deployment's own settings. Pure."""

from collections.abc import Mapping
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

    def problem(self, *, in_group: bool, has_page: bool) -> str:
        """What does not go with the deployment; empty where nothing.

        Args:
            in_group: whether the email provider keeps the list of those who unsubscribed.
            has_page: whether there is the recipient's page.
        """
        if in_group and self.account and not self.mail_unsubscribe_group:
            return "needs unsubscribe_group, since a group belongs to an account"
        return "link_domain needs the recipient's page" if self.link_domain and not has_page else ""


def brand_name_of(document: Mapping[str, Any]) -> str:
    """The name of a user's brand; empty where the document names none, or has a map of its own.

    Args:
        document: the user's. The team's application writes it: the field may be anything.
    """
    name = document.get("brand")
    return name if isinstance(name, str) else ""


Brands = dict[Name, NamedBrand]
_BRANDS: TypeAdapter[Brands] = TypeAdapter(Brands)


def read_brands(content: Any) -> Brands:
    """The brands of the file.

    Args:
        content: of the file, as YAML has it; None where it is empty.

    Raises:
        ValueError: with what is wrong.
    """
    try:
        return _BRANDS.validate_python(content or {})
    except ValidationError as error:
        words = [(each["loc"], each["msg"].removeprefix("Value error, ")) for each in error.errors(include_url=False)]
        raise ValueError("; ".join(f"{'.'.join(map(str, place))}: {problem}" for place, problem in words)) from None
