"""The report queues: their tasks, rate, retry policy and ramp."""
