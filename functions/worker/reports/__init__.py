"""The reports. A kind of report is one folder here, named as subscriptions name it in `kind`.

Its package has one function, and beside it the templates that say what it returns:

    def build(request: ReportRequest) -> Report | Skip

docs/guides/python-reports.md shows how one is made.
"""
