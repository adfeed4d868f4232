"""What is a mail server's own among the checks."""
