"""Microsoft Teams: an Adaptive Card, by the webhook of a workflow of Power Automate."""
