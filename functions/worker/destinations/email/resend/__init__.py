"""Resend as the mail provider."""
