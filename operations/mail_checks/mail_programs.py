"""What mail programs know of HTML and CSS, by caniemail.com.

`python -m operations.mail_checks.mail_programs data.json` makes compatibility.json of
https://www.caniemail.com/api/data.json: for each feature one letter for each program, as the newest version that was
tried has it. y: yes, a: in part, n: no, u: unknown, and a blank where it is untested. The data are Can I email's, under
the MIT license (compatibility.LICENSE).
"""

import functools
import json
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("compatibility.json")

PROGRAMS = {
    "Apple Mail": {"apple-mail/macos": "macOS", "apple-mail/ios": "iOS"},
    "Gmail": {
        "gmail/desktop-webmail": "web",
        "gmail/ios": "iOS",
        "gmail/android": "Android",
        "gmail/mobile-webmail": "web on telephones",
    },
    "Outlook": {
        "outlook/windows": "Windows",
        "outlook/macos": "macOS",
        "outlook/outlook-com": "web",
        "outlook/ios": "iOS",
        "outlook/android": "Android",
    },
    "Yahoo": {"yahoo/desktop-webmail": "web", "yahoo/ios": "iOS", "yahoo/android": "Android"},
    "Samsung Email": {"samsung-email/android": "Android"},
    "Thunderbird": {"thunderbird/macos": "macOS"},
}
"""Those that together most people read emails with."""


@functools.cache
def programs_without() -> Mapping[str, Collection[str]]:
    """The programs that do not know a feature, for each feature that was tried."""
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    return {
        feature: {client for client, support in zip(table["clients"], letters, strict=False) if support == "n"}
        for feature, letters in table["features"].items()
    }


def in_words(programs: Collection[str]) -> str:
    """Programs as people call them: `Gmail, Outlook (Windows, macOS)`."""
    return ", ".join(
        family if len(platforms) == len(of_family) else f"{family} ({', '.join(platforms)})"
        for family, of_family in PROGRAMS.items()
        if (platforms := [name for program, name in of_family.items() if program in programs])
    )


def table(data: dict[str, Any]) -> dict[str, Any]:
    """The table from what the site publishes."""
    clients = [client for of_family in PROGRAMS.values() for client in of_family]
    features = {
        feature["slug"]: "".join(_newest(feature["stats"], *client.split("/")) for client in clients).rstrip()
        for feature in data["data"]
        if feature["category"] in {"html", "css"}
    }
    return {"as_of": data["last_update_date"][:10], "clients": clients, "features": features}


def _newest(stats: dict[str, Any], family: str, platform: str) -> str:
    versions = stats.get(family, {}).get(platform, {})
    return str(list(versions.values())[-1])[0] if versions else " "


if __name__ == "__main__":
    made = table(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    TABLE.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
