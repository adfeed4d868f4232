"""What a provider says that it can do is what it does."""

import pytest
from pydantic import ValidationError

from functions.shared.records.subscription import MOST_ADDRESSES
from functions.shared.settings import MailProviderName, MailSettings
from functions.worker.destinations.email.provider import PROVIDER_SETTINGS
from tests.functions.worker.destinations.email.cases import CASES, each_provider
from tests.functions.worker.destinations.email.provider_case import ProviderCase
from tests.functions.worker.destinations.email.sample_mail import SENDER, mail
from tests.support import now


def test_these_tests_know_every_provider() -> None:
    assert [case.name for case in CASES] == list(MailProviderName)


@each_provider
def test_the_worker_gets_what_the_abilities_promise(case: ProviderCase) -> None:
    chosen, abilities = case.chosen(9), case.parts.ABILITIES
    repeatable = chosen.repeatable_sending(now)
    assert abilities.keys_hold == (repeatable.keys_hold if repeatable else None)
    assert abilities.has_records == (chosen.delivery_lookup(now) is not None)


@each_provider
def test_a_request_takes_all_of_its_recipients(case: ProviderCase) -> None:
    assert case.parts.ABILITIES.most_recipients >= (2 * MOST_ADDRESSES if case.one_request else 1)


@each_provider
def test_an_unsubscribe_group_is_sendgrids(case: ProviderCase) -> None:
    settings = MailSettings(mail_from="reports@example.com", mail_provider=case.name)
    assert case.parts.problem(settings) == ""
    problem = case.parts.problem(settings.model_copy(update={"mail_unsubscribe_group": 7}))
    if case.name is MailProviderName.SENDGRID:
        assert problem == ""
    else:
        assert "MAIL_UNSUBSCRIBE_GROUP" in problem
        assert "PREFERENCES_URL" in problem


@each_provider
def test_the_environment_must_have_the_secret_and_does_not_show_it(case: ProviderCase) -> None:
    assert case.secret not in repr(case.chosen(9))
    with pytest.raises(ValidationError):
        PROVIDER_SETTINGS[case.name]()


@each_provider
def test_a_preview_shows_what_the_first_recipient_is_sent(case: ProviderCase) -> None:
    assert "Your activity" in str(case.parts.to_request(mail(), SENDER, now()))
