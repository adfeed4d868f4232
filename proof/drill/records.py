"""The documents that a drill has beside the pipeline's."""

EMAILS = "drill_emails"
"""What the sink was given: a document for each email, with `delivery_id` and `to`."""

KILLS = "drill_kills"
"""The processes that exited, or fell asleep: a document for each, by the delivery, with `step`."""

WOKEN = "woken"
"""The step of a process that has gone on after its sleep."""
