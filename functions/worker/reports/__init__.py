"""The reports. A kind of report is one folder here, named as users' documents name it in `report.kind`.

Its package has one function, and beside it the templates that say what it returns:

    def build(user: User, period: Period, data: UserData) -> Report

docs/reports.md shows how one is made.
"""
