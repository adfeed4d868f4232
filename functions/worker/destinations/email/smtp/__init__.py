"""A mail server, by SMTP: any that takes emails from a user with a password."""
