"""Checks what keeps emails from arriving: DNS records, and what the email provider knows of the sender.

deploy.sh runs these checks with the system's Python, so they need nothing but Python 3.10 itself. `reports check mail`
runs them, too.
"""
