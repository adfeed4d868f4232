"""Builds a user's report of live data, with the settings of the session."""

from functions.shared.named_brand import brand_name_of
from functions.shared.records.subscription import Subscription
from functions.shared.records.user import User
from functions.shared.settings import MailSettings
from functions.shared.times.period import Period
from operations.previews import preview as previews
from operations.previews.kind_variables import kind_variables
from operations.session import Session


def build_live(
    session: Session,
    user: User,
    subscription: Subscription,
    period: Period,
    *,
    settings: MailSettings | None = None,
    delivery: str | None = None,
    is_next: bool = False,
) -> previews.MadeReport:
    """Build the email of a report as it would be sent.

    Args:
        settings: of the email; None for those that the worker has.
        delivery: the id that the email carries; None for that of the delivery that would send it.
        is_next: whether it is made by the kind's next version, also if the subscription would not get it.

    Raises:
        OperatorError: the kind fails, or a variable has no value.
        google.api_core.exceptions.GoogleAPIError: Firestore cannot be asked.
    """
    database, target = session.firestore, session.target
    if settings is None:
        variables = {name: target.find(name) for name in previews.MAIL_VARIABLES}
        settings = previews.mail_settings(previews.brand_variables(variables, brand_name_of(user.fields)))
    return previews.build(
        subscription.kind,
        user,
        subscription,
        period,
        previews.live_data(database, user.id),
        settings,
        now=session.now(),
        database=database,
        variables=kind_variables(session, subscription.kind),
        delivery=delivery,
        is_next=is_next,
    )
