"""The API by which services of the team manage subscriptions, and learn what came of reports."""
