"""The kinds of report, one a folder, named as subscriptions name it in `kind`. docs/guides/python-reports.md."""
