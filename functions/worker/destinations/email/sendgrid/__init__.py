"""SendGrid as the email provider."""
