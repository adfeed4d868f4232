"""Google's prices in us-central1, in US dollars beyond the free allowances."""

DOLLARS_A_READ = 0.03 / 100_000
DOLLARS_A_WRITE = 0.09 / 100_000
"""Of a document. https://cloud.google.com/firestore/pricing"""

COUNTED_FOR_A_READ = 1_000
"""Index entries that an aggregation walks over. https://firebase.google.com/docs/firestore/pricing"""

DOLLARS_A_TASK_OPERATION = 0.40 / 1_000_000
"""Creating a task is an operation, and so is each attempt to deliver it. https://cloud.google.com/tasks/pricing"""

DOLLARS_A_CPU_SECOND = 0.000024
DOLLARS_A_GIB_SECOND = 0.0000025
DOLLARS_A_REQUEST = 0.40 / 1_000_000
"""Of an instance while it has requests, in a region of tier 1. https://cloud.google.com/run/pricing"""
