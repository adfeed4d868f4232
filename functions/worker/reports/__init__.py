"""The reports. A kind of report is one folder here, named as users' documents name it in `report.kind`.

Its package has one function, which is all that the worker asks for:

    def build(user: User, period: Period, data: UserData) -> Report
"""
