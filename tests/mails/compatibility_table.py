"""What mail programs know of HTML and CSS, by caniemail.com: `python -m tests.mails.compatibility_table data.json`.

Makes compatibility.json of https://www.caniemail.com/api/data.json: for each feature one letter for each client, as
the newest version that was tried has it. y: yes, a: in part, n: no, u: unknown, and a blank where it is untested. The
data are Can I email's, under the MIT license (compatibility.LICENSE).
"""

import json
import sys
from pathlib import Path
from typing import Any

TABLE = Path(__file__).with_name("compatibility.json")

CLIENTS = (
    *("apple-mail/macos", "apple-mail/ios"),
    *("gmail/desktop-webmail", "gmail/ios", "gmail/android", "gmail/mobile-webmail"),
    *("outlook/windows", "outlook/macos", "outlook/outlook-com", "outlook/ios", "outlook/android"),
    *("yahoo/desktop-webmail", "yahoo/ios", "yahoo/android"),
    *("samsung-email/android", "thunderbird/macos"),
)
"""Those that together most people read mails with."""


def table(data: dict[str, Any]) -> dict[str, Any]:
    """The table from what the site publishes."""
    features = {
        feature["slug"]: "".join(_newest(feature["stats"], *client.split("/")) for client in CLIENTS).rstrip()
        for feature in data["data"]
        if feature["category"] in {"html", "css"}
    }
    return {"as_of": data["last_update_date"][:10], "clients": CLIENTS, "features": features}


def _newest(stats: dict[str, Any], family: str, platform: str) -> str:
    versions = stats.get(family, {}).get(platform, {})
    return str(list(versions.values())[-1])[0] if versions else " "


if __name__ == "__main__":
    made = table(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    TABLE.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
