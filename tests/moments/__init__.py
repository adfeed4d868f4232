"""Every moment once: sequences of what happens to a subscription, by the real decisions, against an oracle."""
