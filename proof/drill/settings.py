"""What every drill sets, wherever it takes place."""

SETTINGS = {
    # A domain for examples: nobody is asked about it.
    "MAIL_FROM": "drill@example.com",
    "MAIL_PROVIDER": "sendgrid",
    "SENDGRID_LOGS": "true",
    "ENROLL": "none",
    # The sink has no statistics.
    "COMPLAINT_ALERT_PERCENT": "off",
    "COMPLAINT_STOP_PERCENT": "off",
    "BOUNCE_ALERT_PERCENT": "off",
    "BOUNCE_STOP_PERCENT": "off",
}
