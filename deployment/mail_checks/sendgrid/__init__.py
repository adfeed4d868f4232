"""What is SendGrid's own among the checks."""
