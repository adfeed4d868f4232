"""What the id of a project may be, in the names of every service alike."""

PROJECT_ID = r"[A-Za-z0-9:.\-]+"
"""Letters, digits, hyphens, colons and periods, as the reference of Cloud Tasks has it: an id, also one in a domain,
such as `example.com:project`, or a number. Whether there is such a project only Google knows.
https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues#Queue.FIELDS.name
"""
