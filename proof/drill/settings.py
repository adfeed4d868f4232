"""What every drill sets, wherever it takes place."""

NAME = "drill-[0-9]{8}[0-9a-f]{4}"
"""How a drill on Google Cloud is named: the PREFIX of its environment, which is also its database's name."""

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
