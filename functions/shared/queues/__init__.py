"""The queues of reports: which one, how fast, how often again, and the calls to Cloud Tasks."""
