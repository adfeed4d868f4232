"""Which mutants the explorer of tests/protocol finds, and why it finds no others of the core.

Every mutant of a file that the explorer plays is in FOUND or in LEGAL: its world has promises of its own (each report
once, each moment in one report, each failure and outcome told, nothing stuck), and a mistake that breaks none of these
is legal there. The tests of behaviour that proof/mutants/mutants.py names find it all the same.
"""

CORE = (
    "functions/dispatcher/rescue/",
    "functions/dlq_handler/handle_message.py",
    "functions/mail_events/settled_outcomes.py",
    "functions/mail_events/take_events.py",
    "functions/shared/firestore/",
    "functions/shared/records/delivery",
    "functions/shared/records/mark.py",
    "functions/shared/records/stored_request.py",
    "functions/shared/records/subscription.py",
    "functions/worker/absence.py",
    "functions/worker/attempt_end.py",
    "functions/worker/inactive_users.py",
    "functions/worker/outcome_inquiry.py",
    "functions/worker/repeating.py",
    "functions/worker/send_report.py",
    "functions/worker/sending.py",
    "functions/worker/skipping.py",
    "functions/worker/task_answer.py",
    "functions/worker/task_delivery.py",
    "functions/worker/transitions.py",
    "operations/dead_letters/",
)
"""The beginnings of the paths of what the explorer plays."""

FOUND = {
    "an unknown outcome is sent again": "--kills 1 --together 1",
    "a first claim is not conditional": "--duplicates 1 --events 0",
    "each attempt has a key of its own": "--provider keys --together 1",
    "the DLQ handler looks for no proof that a report was sent": "",
    "the worker does not look at the subscription again": "--stops 1",
    "an event settles no unknown outcome": "",
    "a dead letter closes by itself, and no one is told": "",
    "a claimed delivery is given up": "--kills 1 --together 1",
    "a final delivery is sent again": "--kills 1",
    "a lease does not end": "--kills 1 --days 0 --together 1 --events 0",
    "a dead letter is published before its report is held": "--kills 1",
    "that SendGrid's logs do not show an email counts as proof": "--provider logs --kills 1 --together 1",
    "a repeat's clear refusal gives the claim back": "--provider keys --together 1",
    "a key is used beyond its time": "--provider keys --kills 1 --together 1 --events 0",
    "a repeat that cannot go on forgets what may have been sent": (
        "--provider keys --losses 1 --kills 1 --together 1 --events 0"
    ),
    "a paused subscription is sent": "--stops 1 --together 1",
    "each run meets a paused subscription again": "--stops 1 --together 1",
    "what a restored copy does not know of is sent again": "--attempts 2 --restores 1 --together 1 --events 0",
    "the end of the last period is not stored": "--hours 1 --mishaps 1 --together 1 --events 0",
    "an older report moves the end of the last period back": (
        "--hours 1 --mishaps 1 --replays 1 --together 1 --events 0"
    ),
    "a task from before a restore takes a subscription past an earlier report": (
        "--hours 1 --restores 1 --mishaps 0 --together 1 --events 0"
    ),
    "a paused subscription gets a due time when its report is given up as lost": (
        "--kills 2 --stops 1 --together 1 --events 0"
    ),
    "a report that is given up as lost keeps the time of its last attempt": "--kills 2 --together 1 --events 0",
    "a subscription moves on before the application hears of its report": "--outcomes 1 --kills 1 --together 1",
    "a report whose subscription is paused meanwhile is not told again": (
        "--outcomes 1 --attempts 2 --kills 1 --stops 1 --mishaps 0 --together 1 --events 0"
    ),
}
"""By its name: within which bounds."""

LEGAL = {
    "a stopped run counts as one that made tasks": (
        "It makes a run ask the queues sooner, and a second task for a report is what the world plays anyway."
    ),
    "a report is given up with the first task that has died": (
        "It is given up sooner, and the dead letter is told as any other."
    ),
    "a task that waits in the queue counts as dead": (
        "A run makes a second task for it, and of two tasks one claims the report."
    ),
    "events are stored before they pause": "Events pause nothing in this world: its email is always delivered.",
    "an event that is known is written again": "It costs a write, and the record says the same after it.",
    "an event that is known pauses again": "Events pause nothing in this world.",
    "a second complaint about an email is no news": "Nobody complains in this world; tests/objections explores that.",
    "the worker overwrites what the application wrote meanwhile": (
        "The next report comes at the time of the schedule before, and still covers all since the last one."
    ),
    "a delivery is claimed from the worker that sends it": (
        "The worker does not come to the claim: next_step leaves the report to its owner."
    ),
    "an event settles what no attempt may have sent": "Events come of emails alone that the provider has accepted.",
    "a delivery that is final keeps its requests": "It costs room, and nobody reads them any more.",
    "the copy of a report that was sent is dropped": "This world keeps no copies.",
    "the next report is due now": "It comes sooner, and covers only what is left since the last one.",
    "a subscription is moved back": (
        "A report that is due again is final, and its task moves the subscription on; tests/moments judges due times."
    ),
    "a subscription that was set back moves on one report at a time": (
        "It takes a task for each report that is final already, and none of them sends anything."
    ),
    "the first report after a pause covers the pause": (
        "It reports each moment once, and some that a pause was to skip; tests/moments judges what is skipped."
    ),
    "a late event pauses what was resumed since": "Events pause nothing in this world; tests/objections explores that.",
    "what a skipped report has covered is reported again": "Each report of this world has something to report.",
    "an inactive user's other subscriptions are not paused": (
        "The user of this world is active, and has one subscription."
    ),
    "an inactive user is sent a report": "The user of this world is active.",
    "the events of an email of unknown outcome are not looked at": (
        "The report becomes a dead letter, which its event settles, and people are told."
    ),
    "SendGrid's logs are not asked about an unknown outcome": (
        "The report becomes a dead letter of unknown outcome, as with a provider that has no logs."
    ),
    "absence is proof before the logs had the time to show the email": (
        "Before that the logs are not asked about other emails, without which absence proves nothing."
    ),
    "absence in a search that was cut off is proof": "Each search of this world is complete.",
    "absence from the logs of another key is proof": "There is one key in this world.",
    "what the logs prove absent is sent again more than once": (
        "Each time the logs prove it absent, and each time they may be wrong."
    ),
    "the stored requests are not used": "The same data make the same requests, and data do not change in this world.",
    "other requests than the stored ones are made with their key": (
        "The same data make the same requests, and data do not change in this world."
    ),
    "a worker sends in the last second of its lease": "No time passes in this world while anybody acts.",
    "a second attempt takes the delivery for a new one": (
        "Its claim finds the delivery and leaves it, and the task of a later run sends the report."
    ),
    "an address that was taken out before the claim gets the email": "The report of this world goes to one address.",
    "a report that nobody is left for comes up with each run": (
        "Nobody objects in this world; tests/objections explores that."
    ),
    "the last attempt gives an unclear outcome up although it can be repeated": (
        "The report becomes a dead letter, which its event settles, and people are told."
    ),
}
"""By its name: why what it does breaks no promise of that world."""
