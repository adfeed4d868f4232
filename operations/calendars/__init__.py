"""Calendars of days off: look at them, set them, and import them."""
