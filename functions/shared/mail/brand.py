"""Whose email or page it is: name, logo, color, font, and where the button leads. The deployment's, or a tenant's."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup

from functions.shared.appearance import font_families, hex_color, https_url
from functions.shared.mail.color import WHITE, graphic_on_both, readable_on, text_on
from functions.shared.sanitize import display_name
from functions.shared.settings import BrandSettings, MailSettings

DEFAULT_COLOR = "#2563eb"

DARK_GROUND = "#191c22"
"""What an email stands on where the reader has chosen dark, as layout/head.mjml has it."""

_GENERIC = frozenset({"serif", "sans-serif", "monospace", "system-ui"})
"""Families that CSS takes for those of the device, unless they are quoted."""


class Brand(NamedTuple):
    """How an email shows whose it is.

    Attributes:
        name: of the product; may be empty.
        logo_url: https; empty: the email shows the name.
        url: into the product, https; empty: the email has no button.
        color: the accent, as #rrggbb.
        font: font families, which come before the layout's own; may be empty.
        font_url: of the file with the first of them, https; empty: an email loads none.
    """

    name: str = ""
    logo_url: str = ""
    url: str = ""
    color: str = DEFAULT_COLOR
    font: str = ""
    font_url: str = ""

    @classmethod
    def from_settings(cls, settings: BrandSettings) -> "Brand":
        """The deployment's. Its name is the sender's where no other is set."""
        return cls(
            name=display_name(settings.brand_name or settings.mail_from_name),
            logo_url=settings.brand_logo_url or "",
            url=settings.brand_url or "",
            color=settings.brand_color or DEFAULT_COLOR,
        )

    @classmethod
    def of_emails(cls, settings: MailSettings) -> "Brand":
        """The same for emails, which have a font, too."""
        return cls.from_settings(settings)._replace(font=settings.brand_font, font_url=settings.brand_font_url or "")

    def of_tenant(self, document: Mapping[str, Any]) -> tuple["Brand", Sequence[str]]:
        """This brand with what a user's document has in its map `brand`, and which of its fields cannot be used. A text
        there is the name of a brand, which is this one.

        A tenant with a name of its own does not get the logo of somebody else.

        Args:
            document: the user's. The team's application writes it: any field may be anything.
        """
        given = document.get("brand")
        if given is None or isinstance(given, str):
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
        if "font" in read and "font_url" not in read:
            read["font_url"] = ""
        return self._replace(**read), tuple(unusable)

    @property
    def font_stack(self) -> Markup:
        """The families as a style sheet has them, with a comma behind each. Their letters mean nothing else there."""
        families = self.font.split(", ") if self.font else []
        # Markup, since an escaped quotation mark would be none in a style sheet.
        return Markup("").join(Markup(f"{each}, " if each in _GENERIC else f"'{each}', ") for each in families)  # noqa: S704  font_families has checked them

    @property
    def font_face(self) -> Markup:
        """The rule by which a mail program loads the first family; empty where there is no file."""
        if not (self.font and self.font_url):
            return Markup("")
        family = self.font.split(", ")[0]
        return Markup(f"@font-face {{ font-family: '{family}'; src: url('{self.font_url}'); }}")  # noqa: S704  https_url has checked it, too

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
    "font": lambda value: font_families(_text(value)),
    "font_url": lambda value: https_url(_text(value)),
}
