"""The recipient's page: which reports a user gets, how often and when; pausing and stopping them."""
