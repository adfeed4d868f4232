"""The browser that looks at the site."""

from tests.chromium import browser as browser
from tests.chromium import chromium as chromium
