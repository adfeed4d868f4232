"""A mail server, by SMTP: any that takes mails from a user with a password."""
