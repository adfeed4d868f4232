"""Slack: a message in a channel, with the chart as a picture."""
