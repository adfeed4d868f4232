"""The pictures of the console in the README, and one of each page in every look: `make pictures`."""

import io
import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PIL import Image

from functions.shared.records.delivery import DeliveryState
from tests.browser.house import EMPTY, FULL, furnished
from tests.browser.local_cloud import Cloud, running_cloud
from tests.browser.staged import Stage
from tests.browser.tab import NARROW, WIDE, ZONE, Tab, opened
from tests.chromium import executable, running
from tests.console_server import wait_for_charts
from tests.support import REPOSITORY

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ALL = REPOSITORY / ".pictures"
README = REPOSITORY / "docs" / "images"

_LOOKS: dict[str, tuple[int, Literal["light", "dark"]]] = {
    "light": (WIDE, "light"),
    "dark": (WIDE, "dark"),
    "phone": (NARROW, "light"),
    "phone-dark": (NARROW, "dark"),
}
_README_WIDTH, _README_HEIGHT = 1120, 780
_COLORS = 128


def _a_week(cloud: Cloud) -> None:
    """Give the local cloud a past in which SendGrid once failed."""
    stage = Stage(cloud.database(), location=cloud.target.require("LOCATION"))
    for hours_ago in (*range(2, 24), *range(26, 160, 6)):
        users = 3 + 2 * (hours_ago % 5)
        dead = 4 if hours_ago == 9 else 0
        stage.run(hours_ago, state="finished", due=users + dead + 1, dispatched=users + dead + 1)
        for number in range(users):
            sent = stage.delivery(f"w{number}", DeliveryState.SENT, hours_ago=hours_ago)
            status = "bounced" if (hours_ago, number) in {(5, 2), (50, 1)} else "delivered"
            stage.mail_events(sent, **{status: timedelta(hours=-hours_ago, minutes=2)})
        stage.delivery("idle", DeliveryState.SKIPPED, hours_ago=hours_ago, reason="nothing-to-report")
        for number in range(dead):
            stage.letter(
                f"u{number + 1}",
                hours_ago=hours_ago,
                error="SendGrid answered 503: Service Unavailable",
                period_start=datetime.now(UTC) - timedelta(days=8),
            )
    stage.letter("u8", hours_ago=9, error="SendGrid answered 503: Service Unavailable")


def _take(tab: Tab, file: Path, *, full_page: bool) -> None:
    tab.page.wait_for_load_state("networkidle")
    file.parent.mkdir(parents=True, exist_ok=True)
    tab.page.screenshot(path=file, full_page=full_page)


def _every_page(browser: "Browser", cloud: Cloud) -> None:
    with furnished(cloud) as house:
        pages = {
            f"{number:02} {name}": (house.full.url, address(house))
            for number, (name, address) in enumerate(FULL.items())
        }
        pages |= {f"nothing, {name}": (house.empty.url, path) for name, path in EMPTY.items()}
        pages["error"] = (house.full.url, "/nothing")
        for look, (width, scheme) in _LOOKS.items():
            with opened(browser, house.full.url, viewport={"width": width, "height": 900}, color_scheme=scheme) as tab:
                for name, (url, path) in pages.items():
                    tab.page.goto(f"{url}{path}")
                    _take(tab, ALL / look / f"{name.replace(' ', '-')}.png", full_page=True)
                tab.page.goto(f"{house.full.url}/dead-letters")
                tab.page.get_by_role("button", name="Replay all").click()
                _take(tab, ALL / look / "confirm.png", full_page=True)
                tab.page.goto(f"{house.full.url}{FULL['a user, usual'](house)}")
                tab.page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true })")
                _take(tab, ALL / look / "forms.png", full_page=True)


def _of_the_readme(browser: "Browser", cloud: Cloud) -> None:
    viewport = {"width": _README_WIDTH, "height": _README_HEIGHT}
    wait_for_charts(cloud.url)
    with opened(browser, cloud.url, viewport=viewport, device_scale_factor=1.5, timezone_id=ZONE) as tab:
        tab.page.goto(cloud.url)
        tab.page.wait_for_load_state("networkidle")
        _save("console-overview", tab.page.screenshot())
        hours_ago = [f"{datetime.now(UTC) - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}" for hours in (11, 7)]
        tab.page.goto(f"{cloud.url}/incident?from={hours_ago[0]}&to={hours_ago[1]}")
        tab.page.wait_for_load_state("networkidle")
        _save("console-incident", tab.page.screenshot())
        tab.page.goto(f"{cloud.url}/local/slack")
        _save("slack-alert", tab.page.locator("section.card").last.screenshot())


def _save(name: str, picture: bytes) -> None:
    file = README / f"{name}.png"
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(_COLORS).save(file, optimize=True)
    print(f"{file.relative_to(REPOSITORY)}: {file.stat().st_size / 1000:.0f} kB")  # noqa: T201


def make(path: str) -> None:
    """Take the pictures.

    Args:
        path: of Chromium.
    """
    shutil.rmtree(ALL, ignore_errors=True)
    with tempfile.TemporaryDirectory() as directory, running_cloud(Path(directory)) as cloud, running(path) as browser:
        _a_week(cloud)
        _of_the_readme(browser, cloud)
        _every_page(browser, cloud)
    print(f"{ALL.relative_to(REPOSITORY)}: {len(list(ALL.glob('*/*.png')))} pictures of the console's pages")  # noqa: T201


if __name__ == "__main__":
    found = executable()
    if found is None:
        sys.exit("There is no Chromium: install it, or say where it is by CHROMIUM=/path/to/it.")
    make(found)
