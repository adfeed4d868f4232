"""How long each step of an attempt may take, so that Cloud Tasks always gets an answer. In seconds.

https://cloud.google.com/tasks/docs/creating-http-target-tasks#handler
"""

from datetime import timedelta

from functions.shared.dead_letter_topic import PUBLISH_TIMEOUT_SECONDS, TELL_TIMEOUT_SECONDS
from functions.shared.queues.retry_policy import DISPATCH_DEADLINE

CALL_SECONDS = 10.0
"""A read or a write in Firestore, with the client's own retries. The queue tries again, after longer waits."""

CLAIM_SECONDS = 7.0
LOOK_AGAIN_SECONDS = CALL_SECONDS - CLAIM_SECONDS
"""Reading the subscription again after the claim. If that takes longer, the claim is given back."""

SETTLE_SECONDS = 20.0
"""Writing down what has happened to an email. If that fails, only a person can settle the delivery."""

SEND_SECONDS = 20.0
"""The provider's answer to an email. A healthy provider takes well under a second. The lease covers this."""

COPY_SECONDS = 5.0
"""Writing the copy of an email into the archive, of the time that building the report has left. If that fails, the
email goes out without a link to it."""

NOTE_SECONDS = 3.0
"""Writing down why an attempt failed that has nothing else to write. If that fails, only the log tells."""

TRIAL_SECONDS = 5.0
"""The provider's answer to a trial, by which a worker finds out whether the provider has recovered."""

LOOKUP_SECONDS = 10.0
"""Finding out whether the provider has a mail: from what it has reported, and then from its own records."""

MAIL_RECORD_SECONDS = 3.0
"""Reading what it has reported, which is a part of LOOKUP_SECONDS."""

CLAIM_SECONDS_NEEDED = SEND_SECONDS + max(TELL_TIMEOUT_SECONDS, LOOKUP_SECONDS) + SETTLE_SECONDS
"""What the owner of a claim may need it for: to send, then to publish an alert about the key or to find out about the
email, and to write down the outcome. A worker that took so long to get its claim that less is left does not use it."""

LEASE = timedelta(seconds=90)
"""How long a claim lasts. Its owner needs 50 s of it at worst (CLAIM_SECONDS_NEEDED); the rest is for
the claim's own way to Firestore, for the look at the subscription after it, and for clocks that differ. A longer lease
would only delay the report of a worker that was killed."""

_ANSWER_SECONDS = 5.0
"""For what the worker's own clock does not see: the start of an instance, and the way of the request and the answer."""

_AFTER_BUILDING = (
    TRIAL_SECONDS
    + CLAIM_SECONDS
    + LOOK_AGAIN_SECONDS
    + SEND_SECONDS
    + LOOKUP_SECONDS
    + CALL_SECONDS  # to hold
    + PUBLISH_TIMEOUT_SECONDS
    + SETTLE_SECONDS
)
"""The longest way from an email to an answer, if every step takes as long as it may."""

BUILD_SECONDS = DISPATCH_DEADLINE.total_seconds() - _AFTER_BUILDING - _ANSWER_SECONDS
"""How long after the start of an attempt its report must be built. So there is always time for an answer before Cloud
Tasks stops waiting for one, and on the last attempt for a dead letter."""

READ_MARGIN_SECONDS = 2.0
"""Reading the user's data ends so long before the time to build is over, so that its thread ends by itself."""
