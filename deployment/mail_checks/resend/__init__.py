"""What is Resend's own among the checks."""
