"""What your events are called, and what amounts are in: change this file. Options of a subscription go before it.

A type that is not here is called by its own words: `page.viewed` is "Page viewed" (type_labels.py).
"""

from collections.abc import Mapping

LABELS: Mapping[str, str | Mapping[str, str]] = {
    "page.viewed": {"en": "Page views", "ja": "ページの表示"},
    "order.placed": {"en": "Orders", "ja": "注文"},
    "invoice.paid": {"en": "Paid invoices", "ja": "支払い済みの請求書"},
    "file.uploaded": {"en": "Uploads", "ja": "アップロード"},
    "refund": {"en": "Refunds", "ja": "返金"},
}
"""By type: one text for all languages, or a text for each."""

CURRENCY = ""
"""By ISO 4217, such as "EUR"; empty: amounts are plain numbers."""
