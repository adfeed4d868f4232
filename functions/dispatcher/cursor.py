"""A place in the order in which due users are read."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from functions.dispatcher.due_user import DueUser
from functions.shared.contract import UtcDatetime
from functions.shared.ids import DocumentId


class Cursor(BaseModel):
    """The place of a user: by due time, then by id. It need not be somebody's who exists."""

    model_config = ConfigDict(frozen=True)

    next_report_at: UtcDatetime
    user_id: DocumentId

    @property
    def order(self) -> tuple[datetime, str]:
        """By what places are compared. Ids compare as Firestore's do, by their bytes in UTF-8, which is the order of
        code points.

        https://firebase.google.com/docs/firestore/manage-data/data-types#data_types
        """
        return self.next_report_at, self.user_id

    @classmethod
    def of(cls, user: DueUser) -> "Cursor":
        """The place of a user who was read."""
        return cls(next_report_at=user.due_at, user_id=user.user_id)
