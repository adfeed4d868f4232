"""Subscriptions: find, make, change, pause, resume and remove them."""
