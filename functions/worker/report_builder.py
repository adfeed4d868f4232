"""Builds the report of one delivery within its time, whatever the report's code does."""

import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog

from functions.shared.mail.brand import Brand
from functions.shared.named_brand import BRANDS_FILE, brand_name_of
from functions.shared.records.archived_copy import CopyName
from functions.shared.records.dead_letter import DeadLetterReason
from functions.shared.records.delivery import SkipReason
from functions.shared.records.recipients import RecipientRole
from functions.shared.records.report_task import ReportTask
from functions.shared.sanitize import error_text
from functions.shared.settings import MailSettings
from functions.shared.times.period import Period
from functions.worker.compose import compose, wanting
from functions.worker.destinations.built_report import BuiltReport
from functions.worker.destinations.email.allowed_domains import EVERY_DOMAIN, AllowedDomains
from functions.worker.destinations.email.compliance import MailCompliance
from functions.worker.kind_settings import KindSettings
from functions.worker.skipping import Subscriber
from functions.worker.time_budget import BUILD_SECONDS, READ_MARGIN_SECONDS
from functions.worker.time_limit import TimeLimit, TookTooLong
from functions.worker.transitions import GiveUp, Retry, Skip
from report_kit.kinds import kinds
from report_kit.mistakes import describe_mistake, own_traceback
from report_kit.next_version import Variant
from report_kit.report import PermanentError
from report_kit.report import Skip as NothingToReport
from report_kit.user_data import UserData

if TYPE_CHECKING:
    from functions.shared.firestore.database import Database

_logger = structlog.get_logger()


class ReportBuilder:
    """Builds reports. Safe for threads.

    Args:
        user_data: gives access to one user's own data for so many seconds, by the user's id.
        mail: the settings for all emails, those of the brands among them.
        time_limit: ends the wait for a report that is not built in time.
        database: for what else a kind reads; None where tests need none.
        settings: the kinds' own settings and secrets, by kind and name.
        allowed: the domains that emails may go to.
        build_seconds: how long after the start of an attempt its report must be built.
    """

    def __init__(
        self,
        *,
        user_data: Callable[[str, float], UserData],
        mail: MailSettings,
        time_limit: TimeLimit,
        database: "Database | None" = None,
        settings: KindSettings | None = None,
        allowed: AllowedDomains = EVERY_DOMAIN,
        build_seconds: float = BUILD_SECONDS,
    ) -> None:
        self._user_data = user_data
        self._database = database
        self._settings = settings or {}
        of_brands = {name: brand.within(mail) for name, brand in mail.brands.items()}
        self._brands = {
            name: (Brand.of_emails(each), MailCompliance.from_settings(each))
            for name, each in {"": mail, **of_brands}.items()
        }
        self._allowed = allowed
        self._time_limit = time_limit
        self._build_seconds = build_seconds

    def build(
        self,
        task: ReportTask,
        subscriber: Subscriber,
        period: Period,
        *,
        elapsed: float,
        variant: str = "",
        copy: CopyName | None = None,
    ) -> BuiltReport | Skip | Retry | GiveUp:
        """Build the report of a delivery.

        Args:
            task: the delivery's.
            subscriber: who gets it.
            period: what the report covers.
            elapsed: how many seconds of the attempt are over.
            variant: which version of the kind makes it; empty where the kind has only one.
            copy: the name of the email's copy; None where none is kept.

        Returns:
            Skip where there is nothing to report, or where emails may go to none of those in `to`, GiveUp where the
            report can never be made, Retry where building it failed or took too long.
        """
        if subscriber.problem:
            return GiveUp(DeadLetterReason.PERMANENT_ERROR, subscriber.problem, is_malformed=True)
        user, subscription = subscriber
        name = brand_name_of(user.fields)
        if name not in self._brands:
            # The report would go out in somebody else's name.
            error = error_text(f"the user's document: brand: {name[:40]} is not in {BRANDS_FILE}")
            return GiveUp(DeadLetterReason.PERMANENT_ERROR, error, is_malformed=True)
        brand, compliance = self._brands[name]
        to = [each.address for each in wanting(user, subscription) if each.role is RecipientRole.TO]
        if to and not any(map(self._allowed.allows, to)):
            # Copies alone are not sent.
            return Skip(reason=SkipReason.DOMAIN_NOT_ALLOWED)
        seconds = self._build_seconds - elapsed
        try:
            make = functools.partial(
                compose,
                task.kind,
                user,
                subscription,
                period,
                self._user_data(user.id, seconds - READ_MARGIN_SECONDS),
                delivery_id=task.delivery_id,
                run_id=task.run_id,
                compliance=compliance,
                brand=brand,
                database=self._database,
                settings=self._settings.get(task.kind),
                variant=Variant(variant) if variant else None,
                allowed=self._allowed,
                copy=copy,
            )
            made = self._time_limit.run(make, seconds=seconds)
        except PermanentError as error:
            is_malformed = task.kind not in kinds()
            return GiveUp(DeadLetterReason.PERMANENT_ERROR, error_text(error), is_malformed=is_malformed)
        except TookTooLong as error:
            _logger.error(  # noqa: TRY400  where the report hangs is in another thread's traceback
                "report_too_slow", delivery_id=task.delivery_id, kind=task.kind, error=str(error)
            )
            cause, text = "report-too-slow", f"the report takes too long to build: {error}"
        except BaseException as error:
            # A report is the team's own code and may raise anything; that must not lose the report. What is no
            # Exception, such as asyncio's CancelledError, would end the server's process, and all reports in it.
            mistake = error_text(describe_mistake(error, task.kind))
            # From the kind's own code on: what called it is the same for every report.
            shown = error.with_traceback(own_traceback(error, task.kind))
            _logger.exception(
                "report_failed", delivery_id=task.delivery_id, kind=task.kind, error=mistake, exc_info=shown
            )
            cause, text = "report-failed", f"the report cannot be built: {mistake}"
        else:
            if isinstance(made, NothingToReport):
                return Skip(reason=SkipReason.NOTHING_TO_REPORT, note=error_text(made.why))
            return made
        return Retry(status=HTTPStatus.INTERNAL_SERVER_ERROR, cause=cause, error=text)
