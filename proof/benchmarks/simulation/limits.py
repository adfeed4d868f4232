"""The published limits and prices of the services, each with its source."""

QUEUE_DISPATCHES_A_SECOND = 500
"""https://cloud.google.com/tasks/docs/quotas"""

QUEUE_CONCURRENT_DISPATCHES = 5_000
"""https://cloud.google.com/tasks/docs/reference/rest/v2/projects.locations.queues#RateLimits"""

QUEUES_A_REGION = 1_000
"""https://cloud.google.com/tasks/docs/quotas"""

TASKS_API_CALLS_A_SECOND = 6_000_000 / 60
"""https://cloud.google.com/tasks/docs/quotas"""

REGIONAL_CPUS = 1_000
"""The baseline of the example there; the quota of a project is on its quotas page, and can be raised.
https://cloud.google.com/run/docs/configuring/max-instances-limits"""

MAILS_A_SECOND = 10_000
"""SendGrid publishes no number any more: each account has its own, and says so in X-RateLimit-Limit. This is what its
documentation had for mail send until then. https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits"""

FIRESTORE_FIRST_OPERATIONS_A_SECOND = 500
FIRESTORE_GROWTH = 1.5
FIRESTORE_GROWTH_SECONDS = 300
"""A collection should begin with 500 operations a second, and grow by half every five minutes. It is advice, not a
limit: faster, and some calls are slow or refused. https://firebase.google.com/docs/firestore/best-practices#ramping_up_traffic"""

RISING_INDEX_WRITES_A_SECOND = 500
"""The limit of an index whose values rise together, such as times; if shards come first in the index, the limit of each
shard. https://firebase.google.com/docs/firestore/solutions/shard-timestamp"""

INDEX_ENTRIES_A_READ = 1_000
"""What a count costs. https://firebase.google.com/docs/firestore/pricing#aggregation_queries"""

EVENT_CALL_BYTES = 768_000
EVENT_CALL_SECONDS = 30.0
"""SendGrid calls the webhook when so many bytes of events are there, or so much time has passed.
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook"""

EVENT_REPEATED_SECONDS = 24 * 3600.0
"""For so long it repeats a call that was not answered by 2xx, at increasing intervals. The same page."""

DOLLARS_A_READ = 0.03 / 100_000
DOLLARS_A_WRITE = 0.09 / 100_000
"""The price of a document write, in us-central1. https://cloud.google.com/firestore/pricing"""

COUNTED_FOR_A_READ = 1_000
"""Index entries that an aggregation walks over. https://firebase.google.com/docs/firestore/pricing"""

DOLLARS_A_TASK_OPERATION = 0.40 / 1_000_000
"""Creating a task is one operation, and each attempt to deliver it is another.
https://cloud.google.com/tasks/pricing"""

DOLLARS_A_CPU_SECOND = 0.000024
DOLLARS_A_GIB_SECOND = 0.0000025
DOLLARS_A_REQUEST = 0.40 / 1_000_000
"""The prices of an instance while it has requests, in a region of tier 1. https://cloud.google.com/run/pricing"""
