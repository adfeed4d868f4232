"""A webhook: the figures of a report as JSON, signed, to a URL of the subscription's own."""
