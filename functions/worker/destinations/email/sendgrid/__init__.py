"""SendGrid as the mail provider."""
