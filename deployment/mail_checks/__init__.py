"""Checks what keeps emails from arriving: DNS records, and what the email provider knows of the sender.

deploy.sh and `reports check mail` run these checks, which need no package but the deployment's.
"""
