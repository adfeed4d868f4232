"""The pictures of emails in the README and the documents: `make pictures`."""

import io
import sys
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from functions.shared.mail.brand import Brand
from report_kit.in_memory_user_data import Documents
from report_kit.kinds import sample
from tests.chromium import executable, running
from tests.mails.made import BRAND, PERIOD, Made, mail_of

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "images"

_TENANT = Brand(name="Harbor Books", url="https://books.example.com/", color="#0f766e")
_COLORS = 64


def _usage() -> Documents:
    """Some of the sample's quotas, as most products have them."""
    documents = sample("usage", PERIOD).documents
    shown = ("storage", "calls", "seats")
    quotas = {quota: documents["quotas"][quota] for quota in shown}
    return {
        "quotas": quotas,
        "usage": {key: each for key, each in documents["usage"].items() if each["quota"] in quotas},
    }


def _activity() -> Documents:
    """The sample's events without the types that show how an email bears many."""
    documents = sample("activity", PERIOD).documents
    events = {key: event for key, event in documents["events"].items() if not event["type"].startswith("import")}
    return {**documents, "events": events}


def _pictures() -> list[tuple[Made, int, Literal["light", "dark"]]]:
    """Each email with the width that it is shown in, and the ground."""
    activity: dict[str, Any] = {"options": {"currency": "EUR"}}
    yen: dict[str, Any] = {"options": {"currency": "JPY"}}
    return [
        (
            Made("activity-report", mail_of("activity", _activity(), brand=BRAND, **activity)),
            600,
            "light",
        ),
        (Made("usage-report", mail_of("usage", _usage(), brand=_TENANT)), 600, "dark"),
        (
            Made(
                "activity-report-phone",
                mail_of("activity", _activity(), locale="ja", brand=_TENANT, **yen),
            ),
            360,
            "dark",
        ),
        (Made("usage-report-phone", mail_of("usage", _usage(), locale="ja", brand=BRAND)), 360, "light"),
    ]


def make(path: str) -> None:
    """Write the pictures.

    Args:
        path: of Chromium.
    """
    with running(path) as browser:
        for made, width, scheme in _pictures():
            context = browser.new_context(
                viewport={"width": width, "height": 400}, color_scheme=scheme, device_scale_factor=1.5, offline=True
            )
            page = context.new_page()
            page.set_content(made.page())
            taken = Image.open(io.BytesIO(page.screenshot(full_page=True)))
            file = FOLDER / f"{made.name}.png"
            # An email has few colors: a palette of them is a quarter of the bytes.
            taken.convert("RGB").quantize(_COLORS).save(file, optimize=True)
            print(f"{file.relative_to(FOLDER.parents[1])}: {file.stat().st_size / 1000:.0f} kB")  # noqa: T201


if __name__ == "__main__":
    found = executable()
    if found is None:
        sys.exit("There is no Chromium: install it, or say where it is by CHROMIUM=/path/to/it.")
    make(found)
