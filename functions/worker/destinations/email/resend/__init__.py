"""Resend as the email provider."""
