"""Checks what keeps mails from arriving: DNS records, and what the mail provider knows of the sender.

deploy.sh runs these checks with the system's Python, so they need nothing but Python 3.10 itself. `reports check mail`
runs them, too.
"""
