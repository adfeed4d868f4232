"""Whose mail or page it is: name, logo, color, and where the button leads. The deployment's, or a tenant's."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from functions.shared.appearance import hex_color, https_url
from functions.shared.mail.color import WHITE, graphic_on_both, readable_on, text_on
from functions.shared.sanitize import display_name
from functions.shared.settings import BrandSettings

DEFAULT_COLOR = "#2563eb"

DARK_GROUND = "#191c22"
"""What a mail stands on where the reader has chosen dark, as layout/head.mjml has it."""


class Brand(NamedTuple):
    """How a mail shows whose it is.

    Attributes:
        name: of the product; may be empty.
        logo_url: https; empty: the mail shows the name.
        url: into the product, https; empty: the mail has no button.
        color: the accent, as #rrggbb.
    """

    name: str = ""
    logo_url: str = ""
    url: str = ""
    color: str = DEFAULT_COLOR

    @classmethod
    def from_settings(cls, settings: BrandSettings) -> "Brand":
        """The deployment's. Its name is the sender's where no other is set."""
        return cls(
            name=display_name(settings.brand_name or settings.mail_from_name),
            logo_url=settings.brand_logo_url or "",
            url=settings.brand_url or "",
            color=settings.brand_color or DEFAULT_COLOR,
        )

    def of_tenant(self, document: Mapping[str, Any]) -> tuple["Brand", Sequence[str]]:
        """This brand with what a user's document has in its map `brand`, and which of its fields cannot be used.

        A tenant with a name of its own does not get the logo of somebody else.

        Args:
            document: the user's. The team's application writes it: any field may be anything.
        """
        given = document.get("brand")
        if given is None:
            return self, ()
        if not isinstance(given, Mapping):
            return self, ("brand",)
        read: dict[str, str] = {}
        unusable: list[str] = []
        for name, check in _CHECKS.items():
            value = given.get(name)
            if value is None:
                continue
            try:
                read[name] = check(value)
            except (TypeError, ValueError):
                unusable.append(f"brand.{name}")
        if "name" in read and "logo_url" not in read:
            read["logo_url"] = ""
        return self._replace(**read), tuple(unusable)

    @property
    def on_color(self) -> str:
        """What is read on the accent, such as the words of the button."""
        return readable_on(self.color)

    @property
    def text_color(self) -> str:
        """The accent as text on white."""
        return text_on(WHITE, self.color)

    @property
    def dark_text_color(self) -> str:
        """The accent as text on the dark ground."""
        return text_on(DARK_GROUND, self.color)

    @property
    def graphic_color(self) -> str:
        """The accent as bars of a chart, which is one picture for the light and the dark ground."""
        return graphic_on_both(WHITE, DARK_GROUND, self.color)


PLAIN = Brand()
"""No brand: no name and no link."""


def _name(value: Any) -> str:
    name = display_name(_text(value))
    if not name:
        raise ValueError("must be a name")
    return name


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("must be a string")
    return value


_CHECKS: Mapping[str, Callable[[Any], str]] = {
    "name": _name,
    "logo_url": lambda value: https_url(_text(value)),
    "url": lambda value: https_url(_text(value)),
    "color": lambda value: hex_color(_text(value)),
}
