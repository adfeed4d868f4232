"""Carries out what a recipient asks for, and says what has come of it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import structlog

from functions.preferences.changes import InvalidWish, chosen, pause_end, without_address
from functions.preferences.kinds import offered_times
from functions.preferences.page import Message
from functions.preferences.store import Decide, PreferencesStore
from functions.preferences.texts import state_of
from functions.preferences.undo import OFFERED_FOR, Change, Undo
from functions.shared.mail.language import Language
from functions.shared.mail.recipient_token import RecipientToken, TokenKeys
from functions.shared.records.recipient_pauses import Stored, paused, resumed, stopped
from functions.shared.records.subscription import SubscriptionDefaults
from functions.shared.threads import Threads

_AT_ONCE = 8
"""How many subscriptions are stopped at once: two calls each."""

_logger = structlog.get_logger()


class Wish(StrEnum):
    """What a form asks for: the last part of its address."""

    SCHEDULE = "schedule"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    STOP_ALL = "stop-all"
    UNDO = "undo"


OF_COPIES = frozenset({Wish.STOP, Wish.UNDO})
"""What the link of an address can ask for that is not the user's own."""


class Wishes:
    """Carries out wishes. Safe for threads.

    Args:
        store: the documents.
        keys: which seal what takes a change back.
        defaults: what a subscription's document does not say.
        now: the present, in UTC.
    """

    def __init__(
        self, store: PreferencesStore, keys: TokenKeys, defaults: SubscriptionDefaults, now: Callable[[], datetime]
    ) -> None:
        self._store = store
        self._keys = keys
        self._defaults = defaults
        self._now = now

    def unsubscribe(self, token: RecipientToken) -> None:
        """Stop the subscription of a link, or its emails to the address of the link. Repeating it changes nothing.

        Raises:
            GoogleAPICallError: Firestore does not answer.
            functions.shared.firestore.errors.ChangedMeanwhile: other programs write the document all the time.
        """
        self._change(token, Wish.STOP, self._stop(token))

    def carry_out(self, token: RecipientToken, wish: Wish, form: Mapping[str, str], language: Language) -> Message:
        """Carry out a form.

        Args:
            token: of the link.
            wish: what it asks for.
            form: its fields.
            language: the recipient's.

        Raises:
            GoogleAPICallError: Firestore does not answer.
            functions.shared.firestore.errors.ChangedMeanwhile: other programs write the document all the time.
        """
        _ = language.gettext
        if wish is Wish.UNDO:
            return self._take_back(token, form, language)
        if wish is Wish.STOP_ALL:
            return Message(text=_("All reports are stopped."), undo=self._undo(token, self._stop_all(token)))
        try:
            change = self._change(token, wish, self._decision(token, wish, form))
        except InvalidWish as error:
            if str(error) == "until":
                return Message(text=_("Choose a date from tomorrow on, within a year."), is_error=True)
            return Message(text=_("Nothing was changed: the form was not whole."), is_error=True)
        return Message(
            text=_said(wish, language) if change or wish is Wish.STOP else _("Nothing was changed."),
            next="" if wish is Wish.STOP else self._next(token, language),
            undo=self._undo(token, [change] if change else []),
        )

    def _stop_all(self, token: RecipientToken) -> list[Change]:
        def stop(subscription_id: str) -> Change | None:
            return self._change(RecipientToken(token.user_id, subscription_id), Wish.STOP_ALL, self._stop(token))

        with Threads(_AT_ONCE) as threads:
            changes = list(threads.map(stop, self._store.subscription_ids(token.user_id)))
        return [change for change in changes if change]

    def _decision(self, token: RecipientToken, wish: Wish, form: Mapping[str, str]) -> Decide:
        def decide(stored: Stored) -> Mapping[str, Any]:
            now = self._now()
            match wish:
                case Wish.SCHEDULE:
                    return chosen(
                        stored, form, self._defaults, offered=offered_times(stored.subscription.kind), now=now
                    )
                case Wish.PAUSE:
                    return paused(stored, pause_end(stored, form, now=now), now=now)
                case Wish.RESUME:
                    return resumed(stored, now=now)
                case _:
                    return self._stop(token)(stored)

        return decide

    def _stop(self, token: RecipientToken) -> Decide:
        if token.copy_of:
            return lambda stored: without_address(stored, token.copy_of, now=self._now())
        return lambda stored: stopped(stored, now=self._now())

    def _change(self, token: RecipientToken, wish: Wish, decide: Decide) -> Change | None:
        is_stop = wish in {Wish.STOP, Wish.STOP_ALL}
        change = self._store.change(token, wish.value, decide, now=self._now(), outlives_user=is_stop)
        if change:
            _logger.info(
                "subscription_changed_by_recipient",
                user_id=token.user_id,
                subscription_id=token.subscription_id,
                wish=wish.value,
                copy=bool(token.copy_of),
            )
        return change

    def _undo(self, token: RecipientToken, changes: list[Change]) -> str:
        undo = Undo(user_id=token.user_id, changes=changes, until=self._now() + OFFERED_FOR).to_json()
        return self._keys.seal([*undo, token.copy_of]) if undo else ""

    def _take_back(self, token: RecipientToken, form: Mapping[str, str], language: Language) -> Message:
        _ = language.gettext
        content = self._keys.unseal(form.get("undo", ""))
        if content is not None:
            *made, copy_of = content
            undo = Undo.from_json(made)
            # What one recipient was offered is no other recipient's.
            if (undo.user_id, copy_of) == (token.user_id, token.copy_of) and self._now() < undo.until:
                taken_back = [
                    self._store.take_back(token, Wish.UNDO.value, change, now=self._now()) for change in undo.changes
                ]
                if all(taken_back):
                    _logger.info("change_taken_back_by_recipient", user_id=undo.user_id, subscriptions=len(taken_back))
                    return Message(text=_("It is as it was before."))
        return Message(text=_("This cannot be taken back any more: something has changed since."), is_error=True)

    def _next(self, token: RecipientToken, language: Language) -> str:
        stored = self._store.subscription(token.user_id, token.subscription_id)
        if stored is None:
            return ""
        zone = stored.subscription.time_zone or stored.user.time_zone
        return state_of(stored.subscription, zone, language, now=self._now())


def _said(wish: Wish, language: Language) -> str:
    match wish:
        case Wish.SCHEDULE:
            return language.gettext("Saved.")
        case Wish.PAUSE:
            return language.gettext("The report is paused.")
        case Wish.RESUME:
            return language.gettext("The report comes again.")
        case _:
            return language.gettext("Stopped: you get no more of these emails.")
