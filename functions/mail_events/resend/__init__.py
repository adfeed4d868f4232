"""Resend's webhook."""
