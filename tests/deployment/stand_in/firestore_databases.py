"""Firestore's databases, their settings, and their backup schedules."""

from tests.deployment.stand_in.call import Call, Resource

_MOST_DAYS = 98
_DAYS = {"d": 1, "w": 7}


class FirestoreDatabases(Call):
    """The commands about them.

    https://firebase.google.com/docs/firestore/reference/rest/v1/projects.databases
    https://firebase.google.com/docs/firestore/reference/rest/v1/projects.databases.backupSchedules
    """

    def _database(self) -> str:
        return f"projects/{self.project}/databases/{self.flags.get('database', '(default)')}"

    def _firestore_databases_describe(self) -> Resource:
        return self._get(self._database())

    def _firestore_databases_create(self) -> Resource:
        resource = {
            "type": self.flags["type"].upper().replace("-", "_"),
            "locationId": self.flags["location"],
            "pointInTimeRecoveryEnablement": "POINT_IN_TIME_RECOVERY_DISABLED",
            "deleteProtectionState": "DELETE_PROTECTION_DISABLED",
        }
        self._set(resource)
        return self._put(self._database(), resource, new=True)

    def _firestore_databases_update(self) -> Resource:
        self._set(self._get(self._database()))
        return {}

    def _set(self, database: Resource) -> None:
        for flag, field, prefix in (
            ("enable-pitr", "pointInTimeRecoveryEnablement", "POINT_IN_TIME_RECOVERY"),
            ("delete-protection", "deleteProtectionState", "DELETE_PROTECTION"),
        ):
            if flag in self.flags:
                database[field] = f"{prefix}_ENABLED"

    def _firestore_backups_schedules_list(self) -> list[Resource]:
        self._get(self._database())
        return self._children(f"{self._database()}/backupSchedules")

    def _firestore_backups_schedules_create(self) -> Resource:
        self._get(self._database())
        recurrence, day = self.flags["recurrence"], self.flags.get("day-of-week")
        if (recurrence == "weekly") != (day is not None):
            raise self.refuse("Invalid value for [--day-of-week]: required with weekly recurrence, and with no other")
        field = f"{recurrence}Recurrence"
        parent = f"{self._database()}/backupSchedules"
        if any(field in each for each in self._children(parent)):
            raise self.refuse(f"ALREADY_EXISTS: there is a backup schedule of {recurrence} recurrence")
        self.state["count"] += 1
        schedule = {"retention": self._retention(), field: {} if day is None else {"day": f"{day}DAY"}}
        return self._put(f"{parent}/{self.state['count']}", schedule, new=True)

    def _firestore_backups_schedules_update(self) -> Resource:
        schedule = self._get(f"{self._database()}/backupSchedules/{self.flags['backup-schedule']}")
        schedule["retention"] = self._retention()
        return schedule

    def _retention(self) -> str:
        given = self.flags["retention"]
        days = int(given[:-1]) * _DAYS[given[-1]]
        if days > _MOST_DAYS:
            raise self.refuse("INVALID_ARGUMENT: the retention must be at most 14 weeks")
        return f"{days * 86_400}s"
