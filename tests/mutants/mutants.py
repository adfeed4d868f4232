"""The mistakes, at least one for each rule of the promise.

A mutant quotes the current source. If you change that source, rewrite the mutant: until then, a test
(tests/mutants/unit/) fails.
"""

from functions.shared.settings import MailProviderName
from tests.mutants.mutant import Mutant

ALL = [
    Mutant(
        name="the next report is due now",
        file="functions/worker/moving_on.py",
        search="moved_fields(subscription, next_report_at=following, reported_until=period.end)",
        replace="moved_fields(\n"
        "        subscription, next_report_at=following.now(following.tzinfo), reported_until=period.end\n"
        "    )",
        scenarios=("queue: a task is delivered twice",),
        tests=("tests/functions/worker/unit/test_moving_on.py",),
    ),
    Mutant(
        name="a new user is due now, not at the run's time",
        file="functions/dispatcher/enrollment.py",
        search="default_fields(user.id, self._defaults, due_at=self._run_time)",
        replace="default_fields(\n"
        "                user.id, self._defaults, due_at=self._run_time.now(self._run_time.tzinfo)\n"
        "            )",
        scenarios=("users: sign up",),
        tests=(
            "tests/functions/dispatcher/integration/test_enrollment.py::test_a_new_user_gets_the_default_subscription_which_is_due_at_once",
        ),
    ),
    Mutant(
        name="a ramp begins at full speed",
        file="functions/shared/ramp.py",
        search="return None if self.is_over(today) else wanted",
        replace="return None",
        scenarios=("queue: is ramped up for days",),
        tests=("tests/functions/shared/unit/test_ramp.py",),
    ),
    Mutant(
        name="a subscription is moved back",
        file="functions/worker/moving_on.py",
        search="if standing is not None and standing > max(due_at, period.end):",
        replace="if False:",
        scenarios=("dead letters: replayed hours later",),
        tests=("tests/functions/worker/unit/test_moving_on.py",),
    ),
    Mutant(
        name="a subscription that was set back moves on one report at a time",
        file="functions/worker/moving_on.py",
        search="        return {}\n    until = max(",
        replace="        return {}\n    newest = ()\n    until = max(",
        scenarios=("subscriptions: are set back by hours",),
        tests=(
            "tests/functions/worker/integration/test_subscriptions_move.py::test_a_subscription_set_back_by_hours_comes_back_with_one_call",
        ),
    ),
    Mutant(
        name="the worker overwrites what the application wrote meanwhile",
        file="functions/worker/delivery_store.py",
        search="writes.append(change(self._subscription(task), moved, subscription.version))",
        replace="writes.append(change(self._subscription(task), moved, None))",
        scenarios=(
            "subscriptions: change their schedule while they are sent",
            "subscriptions: are postponed while they are sent",
        ),
        tests=(
            "tests/functions/worker/integration/test_subscriptions_move.py::test_a_subscription_whose_schedule_changes_meanwhile_moves_on_by_the_new_one",
        ),
    ),
    Mutant(
        name="the end of the last period is not stored",
        file="functions/shared/subscription.py",
        search='        moved["reported_until"] = reported_until\n',
        replace="        pass\n",
        scenarios=("queue: tasks come hours late",),
        tests=("tests/functions/shared/unit/test_subscription.py",),
    ),
    Mutant(
        name="an older report moves the end of the last period back",
        file="functions/shared/subscription.py",
        search="if subscription.reported_until is None or subscription.reported_until < reported_until:",
        replace="if True:",
        scenarios=("dead letters: replayed hours later",),
        tests=("tests/functions/shared/unit/test_subscription.py",),
    ),
    Mutant(
        name="what a skipped report has covered is reported again",
        file="functions/worker/send_report.py",
        search="move=self._stay_paused if reason is SkipReason.PAUSED else work.move_on,",
        replace="move=self._stay_paused if skip.note or reason is SkipReason.PAUSED else work.move_on,",
        scenarios=("subscriptions: have nothing to report, and a worker dies before it skips",),
        tests=(
            "tests/functions/worker/integration/test_skipping.py::test_where_there_is_nothing_to_report_no_mail_is_sent_and_the_next_report_begins_after_it",
        ),
    ),
    Mutant(
        name="two subscriptions of a user share a delivery",
        file="functions/shared/ids.py",
        search='return f"{_owner(user_id, subscription_id)}:{_compact(due_at)}"',
        replace='return f"{_owner(user_id)}:{_compact(due_at)}"',
        scenarios=("queue: a task is delivered twice",),
        tests=("tests/functions/shared/unit/test_ids.py",),
    ),
    Mutant(
        name="a run leaves some shards out",
        file="functions/dispatcher/due_subscriptions.py",
        search="for number in range(min(STREAMS, len(shards)))]",
        replace="for number in range(1, min(STREAMS, len(shards)))]",
        scenarios=("queue: a task is delivered twice",),
        tests=("tests/functions/dispatcher/integration/test_runs.py::test_every_report_that_is_due_gets_a_task",),
    ),
    Mutant(
        name="a run does not look for subscriptions without a shard",
        file="functions/dispatcher/scheduling.py",
        search='new=subscriptions.where(filter=FieldFilter("shard", "==", None)),',
        replace='new=subscriptions.where(filter=FieldFilter("shard", "==", SHARDS)),',
        scenarios=("subscriptions: lose their shard while they are sent",),
        tests=(
            "tests/functions/dispatcher/integration/test_scheduling.py::test_a_new_subscription_gets_its_place_in_the_due_index",
        ),
    ),
    Mutant(
        name="a paused subscription is sent",
        file="functions/shared/subscription.py",
        search="return not self.active or (self.paused_until is not None and now < self.paused_until)",
        replace="return False",
        scenarios=("subscriptions: are paused and resumed", "subscriptions: are paused until a moment"),
        tests=("tests/functions/worker/unit/test_skipping.py",),
    ),
    Mutant(
        name="each run meets a paused subscription again",
        file="functions/worker/skipping.py",
        search="        return no_due_time_fields(subscription)\n",
        replace="        return {}\n",
        scenarios=("subscriptions: are paused for good",),
        tests=("tests/functions/worker/unit/test_skipping.py",),
    ),
    Mutant(
        name="the first report after a pause covers the pause",
        file="functions/shared/subscription.py",
        search="reported_until = begin if reported is None or reported > moment else max(begin, reported)",
        replace="reported_until = reported or begin",
        scenarios=("subscriptions: are paused and resumed",),
        tests=("tests/functions/shared/unit/test_subscription.py",),
    ),
    Mutant(
        name="an inactive user is sent a report",
        file="functions/worker/skipping.py",
        search="    if not user.active:\n",
        replace="    if False:\n",
        scenarios=("everything: users leave, are deleted, are set back",),
        tests=("tests/functions/worker/unit/test_skipping.py",),
    ),
    Mutant(
        name="an inactive user's other subscriptions are not paused",
        file="functions/worker/inactive_users.py",
        search="if snapshot.id != subscription_id]",
        replace="if snapshot.id == subscription_id]",
        scenarios=("users: are inactive for a while",),
        tests=(
            "tests/functions/worker/integration/test_skipping.py::test_an_inactive_user_is_skipped_and_all_subscriptions_are_paused",
        ),
    ),
    Mutant(
        name="a user who is active again gets no reports",
        file="functions/dispatcher/enrollment.py",
        search="if subscription.active or subscription.paused_because is not PauseReason.USER_INACTIVE:",
        replace="if True:",
        scenarios=("users: are inactive for a while",),
        tests=(
            "tests/functions/dispatcher/integration/test_enrollment.py::test_a_user_who_is_active_again_gets_the_reports_that_stopped_when_the_user_became_inactive",
        ),
    ),
    Mutant(
        name="the recipient of a copy can unsubscribe the user",
        file="functions/worker/mail/compliance.py",
        search="is_user = address.casefold() == user.email.casefold()",
        replace="is_user = True",
        scenarios=("queue: a task is delivered twice",),
        tests=(
            "tests/functions/worker/unit/test_recipients.py::test_only_the_users_own_mail_can_unsubscribe_the_user",
        ),
    ),
    Mutant(
        name="copies are not sent",
        file="functions/worker/compose.py",
        search="for address in subscription.cc]",
        replace="for address in subscription.cc[:0]]",
        scenarios=("queue: a task is delivered twice",),
        tests=("tests/functions/worker/unit/test_recipients.py::test_each_address_gets_a_report_once",),
    ),
    Mutant(
        name="a 5xx after acceptance is a refusal",
        file="functions/worker/mail/sendgrid/api.py",
        search="    return Unclear(error=error)\n",
        replace="    return Unavailable(error=error)\n",
        scenarios=("SendGrid: accepts and answers 502",),
        tests=("tests/functions/worker/mail/test_answers.py",),
    ),
    Mutant(
        name="a task that is there already counts as an error",
        file="functions/shared/task_queue.py",
        search="return self.code == _ALREADY_EXISTS",
        replace="return False",
        scenarios=("scheduler: fires twice, and again",),
        tests=(
            "tests/functions/dispatcher/integration/test_runs.py::test_a_run_that_is_called_again_makes_no_task_twice",
        ),
    ),
    Mutant(
        name="a claimed delivery is given up",
        file="functions/dispatcher/rescue/policy.py",
        search="if delivery.is_claimed(run_time):",
        replace="if False:",
        scenarios=("worker: sends what is being given up",),
        tests=("tests/functions/dispatcher/unit/test_policy.py",),
    ),
    Mutant(
        name="a dead letter is published before its report is held",
        file="functions/dispatcher/rescue/dead_lettering.py",
        search="            held = self._deliveries.hold(due, report.delivery, failure)\n",
        replace="            self._dead_letters.publish(self._letter(report))\n"
        "            held = self._deliveries.hold(due, report.delivery, failure)\n",
        scenarios=("worker: claims what is being given up",),
        tests=(
            "tests/functions/dispatcher/integration/test_overdue.py::test_nobody_else_may_act_on_a_report_while_its_dead_letter_is_published",
        ),
    ),
    Mutant(
        name="time in a pause counts",
        file="functions/dispatcher/rescue/queue_clock.py",
        search="if before.is_stopped or before.condition is not None or after.condition is QueueCondition.PAUSED:",
        replace="if False:",
        scenarios=("queue: drops its tasks after a day's pause",),
        tests=("tests/functions/dispatcher/unit/test_queue_clock.py",),
    ),
    Mutant(
        name="a task that waits in the queue counts as dead",
        file="functions/dispatcher/rescue/waiting_tasks.py",
        search="if created_at is None:",
        replace="if True:",
        scenarios=("queue: is behind for hours",),
        tests=(
            "tests/functions/dispatcher/integration/test_overdue.py::test_a_task_that_the_queue_still_holds_is_not_dead_however_long_it_waits",
        ),
    ),
    Mutant(
        name="Slack is marked as told and never posted to",
        file="functions/dlq_handler/channels/slack_channel.py",
        search="        text = to_fallback(alert)\n",
        replace="        text = to_fallback(alert)\n        return\n",
        scenarios=("SendGrid: answers 400",),
        tests=(
            "tests/functions/dlq_handler/integration/test_alerts.py::test_an_alert_says_what_failed_for_whom_and_what_to_do",
        ),
    ),
    Mutant(
        name="a post that failed counts as told",
        file="functions/dlq_handler/channels/channel_rate_limiter.py",
        search="""state, begun=begun, now=self._now()))
            return False
""",
        replace="""state, begun=begun, now=self._now()))
            return True
""",
        scenarios=("dead letters: Slack answers 500",),
        tests=(
            "tests/functions/dlq_handler/integration/test_alerts.py::test_while_slack_refuses_the_message_comes_again_and_nothing_is_doubled",
        ),
    ),
    Mutant(
        name="a post that Slack wants later counts as told",
        file="functions/dlq_handler/channels/channel_rate_limiter.py",
        search="""state, retry_after=retry_after, now=self._now()))
            return False
""",
        replace="""state, retry_after=retry_after, now=self._now()))
            return True
""",
        scenarios=("dead letters: Slack answers 429 with Retry-After",),
        tests=(
            "tests/functions/dlq_handler/integration/test_alerts.py::test_while_slack_refuses_the_message_comes_again_and_nothing_is_doubled",
        ),
    ),
    Mutant(
        name="a dead letter is acknowledged before people are told",
        file="functions/dlq_handler/alerting/alerter.py",
        search="        if pending:\n            raise AlertPending\n",
        replace="        if pending:\n            return\n",
        scenarios=("dead letters: Slack answers 500",),
        tests=(
            "tests/functions/dlq_handler/integration/test_alerts.py::test_while_slack_refuses_the_message_comes_again_and_nothing_is_doubled",
        ),
    ),
    Mutant(
        name="an unknown outcome is sent again",
        file="functions/worker/send_report.py",
        search="if self._on_unknown_outcome is not OnUnknownOutcome.DEAD_LETTER and not work.is_outdated:",
        replace="if True:",
        scenarios=("worker: killed after the request was written",),
        tests=(
            "tests/functions/worker/integration/test_unknown_outcomes.py::test_a_mail_that_never_shows_is_for_a_person",
        ),
    ),
    Mutant(
        name="that SendGrid's logs do not show a mail counts as proof",
        file="functions/worker/send_report.py",
        search="if self._on_unknown_outcome is not OnUnknownOutcome.DEAD_LETTER and not work.is_outdated:",
        replace='if "no record" in found.note:',
        scenarios=("SendGrid: accepts and cuts, and its logs are late",),
        tests=(
            "tests/functions/worker/integration/test_unknown_outcomes.py::test_a_mail_that_never_shows_is_for_a_person",
        ),
    ),
    Mutant(
        name="the events of a mail of unknown outcome are not looked at",
        file="functions/worker/outcome_inquiry.py",
        search="if record is not None and record.proves_acceptance:",
        replace="if False:",
        scenarios=("SendGrid: accepts and cuts, and its logs refuse the key, with resend",),
        tests=("tests/functions/worker/unit/test_outcome_inquiry.py",),
    ),
    Mutant(
        name="SendGrid's logs are not asked about an unknown outcome",
        file="functions/worker/outcome_inquiry.py",
        search="        if self._lookup is None:\n",
        replace="        if True:\n",
        scenarios=("SendGrid: accepts and answers 502",),
        tests=("tests/functions/worker/unit/test_outcome_inquiry.py",),
    ),
    Mutant(
        name="another mail to the address counts as the one of unknown outcome",
        file="functions/worker/mail/sendgrid/logs.py",
        search='if self._arguments(message_id, over_at).get("delivery_id") == wanted.delivery_id:',
        replace="if self._arguments(message_id, over_at):",
        scenarios=("worker: killed after the request was written",),
        tests=(
            "tests/functions/worker/integration/test_unknown_outcomes.py::test_another_mail_to_the_same_address_proves_nothing",
        ),
    ),
    Mutant(
        name="a first claim is not conditional",
        file="functions/worker/firestore_calls.py",
        search="    write.current_document.exists = False\n",
        replace="    pass\n",
        scenarios=("queue: a task is delivered three times at once",),
        tests=(
            "tests/functions/worker/integration/test_send.py::test_two_calls_at_the_same_moment_send_one_mail",
            "tests/functions/worker/integration/test_send.py::test_many_calls_at_once_send_one_mail_for_each_delivery",
        ),
    ),
    Mutant(
        name="a final delivery is sent again",
        file="functions/worker/transitions.py",
        search="    if delivery.is_final:\n        return NextStep.ALREADY_FINAL\n",
        replace="    if delivery.is_final:\n        return NextStep.SEND\n",
        scenarios=("queue: a task is delivered again after success",),
        tests=("tests/functions/worker/unit/test_transitions.py",),
    ),
    Mutant(
        name="what a restored copy does not know of is sent again",
        file="functions/shared/restored_copy.py",
        search="    if delivery is None:\n        return True\n",
        replace="    if delivery is None:\n        return False\n",
        scenarios=("restored: to a copy of an hour ago",),
        tests=("tests/functions/shared/unit/test_restored_copy.py",),
    ),
    Mutant(
        name="a task from before a restore takes a subscription past an earlier report",
        file="functions/worker/task_delivery.py",
        search="if self.period is None or self._is_ahead(subscription):",
        replace="if self.period is None:",
        scenarios=("restored: to a copy of an hour ago",),
        tests=(
            "tests/functions/worker/integration/test_restored.py::test_a_task_from_before_takes_the_subscription_past_no_earlier_report",
        ),
    ),
    Mutant(
        name="a lease does not end",
        file="functions/worker/transitions.py",
        search="if delivery.is_claimed(now):",
        replace="if delivery.lease_expires_at is not None:",
        scenarios=("worker: killed after the provider accepted",),
        tests=("tests/functions/worker/unit/test_transitions.py",),
    ),
    Mutant(
        name="the worker does not look at the subscription again",
        file="functions/worker/send_report.py",
        search="current = work._replace(subscription=self._deliveries.read_subscription(task))",
        replace="current = work",
        scenarios=("unsubscribes: after the reads, before the claim",),
        tests=(
            "tests/functions/worker/integration/test_skipping.py::test_what_is_stopped_before_the_claim_is_not_sent",
        ),
    ),
    Mutant(
        name="an address that was taken out before the claim gets the mail",
        file="functions/worker/send_report.py",
        search="recipients = current.still_wanted(mail.recipients)",
        replace="recipients = mail.recipients",
        scenarios=("unsubscribes: after the reads, before the claim",),
        tests=(
            "tests/functions/worker/integration/test_skipping.py::test_an_address_that_is_taken_out_before_the_claim_gets_no_mail",
        ),
    ),
    Mutant(
        name="one click stops nothing",
        file="functions/preferences/wishes.py",
        search="        self._change(token, Wish.STOP, _stop(token))\n\n    def carry_out(",
        replace="\n    def carry_out(",
        scenarios=("unsubscribes: before the run",),
        tests=(
            "tests/functions/preferences/integration/test_page.py::test_one_click_stops_one_subscription_however_often_it_comes",
        ),
    ),
    Mutant(
        name="a copy unsubscribes the user",
        file="functions/preferences/wishes.py",
        search="    if token.copy_of:\n        return lambda stored: without_address",
        replace="    if False:\n        return lambda stored: without_address",
        scenarios=("unsubscribes: before the run",),
        tests=(
            "tests/functions/preferences/integration/test_page.py::test_a_copy_takes_itself_out_and_touches_nothing_else",
        ),
    ),
    Mutant(
        name="a record of events is written without a precondition",
        file="functions/mail_events/record_store.py",
        search="batch.update(reference, record.to_fields(), option=option)",
        replace="batch.update(reference, record.to_fields())",
        scenarios=("mail events: come twice, at once, in another order",),
        tests=("tests/functions/mail_events/integration/test_records.py::test_calls_at_the_same_time_lose_nothing",),
    ),
    Mutant(
        name="an event that is known is written again",
        file="functions/mail_events/take_events.py",
        search="in folded.items() if record != found.records[each]}",
        replace="in folded.items()}",
        scenarios=("mail events: come twice, at once, in another order",),
        tests=("tests/functions/mail_events/integration/test_records.py::test_what_is_known_is_not_written_again",),
    ),
    Mutant(
        name="an event that is known pauses again",
        file="functions/mail_events/take_events.py",
        search="failed |= self._pause(changed.values(), found.records, events)",
        replace="nothing = {each: MailRecord(id=each, user_id='', subscription_id='') for each in found.records}\n"
        "        failed |= self._pause(found.records.values(), nothing, events)",
        scenarios=("mail events: come again after a person resumed",),
        tests=(
            "tests/functions/mail_events/integration/test_consequences.py::test_a_repeated_event_pauses_nothing_again",
        ),
    ),
    Mutant(
        name="a late event pauses what was resumed since",
        file="functions/mail_events/address_events.py",
        search="return subscription.resumed_at is None or at > subscription.resumed_at",
        replace="return True",
        scenarios=("mail events: come a day late",),
        tests=(
            "tests/functions/mail_events/integration/test_consequences.py::test_a_late_event_pauses_nothing_that_was_resumed_since",
        ),
    ),
    Mutant(
        name="an event pauses what does not go to its address",
        file="functions/mail_events/address_events.py",
        search="    if event.recipient not in to and event.recipient not in map(address_hash, subscription.cc):\n",
        replace="    if False:\n",
        scenarios=("mail events: come twice, at once, in another order",),
        tests=("tests/functions/mail_events/unit/test_address_events.py",),
    ),
    Mutant(
        name="events are stored before they pause",
        file="functions/mail_events/take_events.py",
        search="        failed |= self._pause(changed.values(), found.records, events)\n        results = ",
        replace="        written_first = self._records.write(list(changed.values()))\n"
        "        failed |= self._pause(changed.values(), found.records, events)\n"
        "        results = written_first or ",
        scenarios=("mail events: killed after the records were written",),
        tests=(
            "tests/functions/mail_events/integration/test_consequences.py::test_what_could_not_be_paused_comes_again_and_holds_up_no_other",
        ),
    ),
    Mutant(
        name="events that could not be stored are acknowledged",
        file="functions/mail_events/main.py",
        search='    except EventsNotStored:\n        return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "retry")\n',
        replace='    except EventsNotStored:\n        return _answer(HTTPStatus.OK, "taken")\n',
        scenarios=("mail events: Firestore fails under them",),
        tests=("tests/functions/mail_events/integration/test_records.py::test_one_write_that_fails_holds_up_no_other",),
    ),
    Mutant(
        name="a run sends although the breaker has stopped the runs",
        file="functions/dispatcher/run.py",
        search="if (breaker := self._breaker()) and breaker.is_stopped:",
        replace="if (breaker := self._breaker()) and not breaker:",
        scenarios=("SendGrid: says that recipients complain, for two days",),
        tests=("tests/functions/dispatcher/integration/test_mail_breaker.py",),
    ),
    Mutant(
        name="the time in which the runs were stopped counts towards the 24 hours",
        file="functions/dispatcher/rescue/queue_clock.py",
        search="if before.is_stopped or before.condition is not None or",
        replace="if before.condition is not None or",
        scenarios=("SendGrid: says that they complain, after tasks have died",),
        tests=("tests/functions/dispatcher/unit/test_queue_clock.py",),
    ),
    Mutant(
        name="an event settles no unknown outcome",
        file="functions/mail_events/take_events.py",
        search="records[each] for each, delivery in deliveries.items() if is_settled_by_event(delivery)",
        replace="records[each] for each, delivery in deliveries.items() if False",
        scenarios=("unknown outcomes: accepted, and the events come hours late",),
        tests=(
            "tests/functions/mail_events/integration/test_unknown_outcomes.py::test_the_dead_letter_closes_and_people_are_told",
        ),
    ),
    Mutant(
        name="the DLQ handler looks for no proof that a report was sent",
        file="functions/dlq_handler/handle_message.py",
        search="if received.reason not in MAY_HAVE_BEEN_SENT or not names_delivery:",
        replace="if received.reason or names_delivery:",
        scenarios=("unknown outcomes: accepted, and the events come with the dead letters",),
        tests=("tests/functions/dlq_handler/integration/test_unknown_outcomes.py::test_the_event_came_first",),
    ),
    Mutant(
        name="a dead letter closes by itself, and no one is told",
        file="functions/mail_events/settled_outcomes.py",
        search="            self._topic.tell(alert)\n",
        replace="            pass\n",
        scenarios=("unknown outcomes: accepted, and the events come hours late",),
        tests=(
            "tests/functions/mail_events/integration/test_unknown_outcomes.py::test_the_dead_letter_closes_and_people_are_told",
        ),
    ),
    Mutant(
        name="a repeat's clear refusal gives the claim back",
        file="functions/worker/transitions.py",
        search="            return again._replace(release=False)\n",
        replace="            return again\n",
        provider=MailProviderName.RESEND,
        scenarios=("Resend: accepts and answers 502, and then 429",),
        tests=("tests/functions/worker/unit/test_transitions.py",),
    ),
    Mutant(
        name="the last attempt gives an unclear outcome up although it can be repeated",
        file="functions/worker/transitions.py",
        search="            if last_attempt and not can_repeat:\n",
        replace="            if last_attempt:\n",
        provider=MailProviderName.RESEND,
        scenarios=("Resend: is busy, and the last answer is lost",),
        tests=("tests/functions/worker/unit/test_transitions.py",),
    ),
    Mutant(
        name="the stored requests are not used",
        file="functions/worker/repeating.py",
        search="requests: Sequence[KeptRequest] = stored.requests()",
        replace="requests: Sequence[KeptRequest] = ()",
        provider=MailProviderName.RESEND,
        scenarios=("Resend: the data change before it is repeated",),
        tests=("tests/functions/worker/unit/test_repeating.py",),
    ),
    Mutant(
        name="other requests than the stored ones are made with their key",
        file="functions/worker/repeating.py",
        search="if not requests or not stored.is_same(requests):",
        replace="if not requests:",
        provider=MailProviderName.RESEND,
        scenarios=("Resend: no room for requests, and other data",),
        tests=("tests/functions/worker/unit/test_repeating.py",),
    ),
    Mutant(
        name="a key is used beyond its time",
        file="functions/shared/stored_request.py",
        search="return self.provider == provider and now < self.made_at + keys_hold - KEY_MARGIN",
        replace="return self.provider == provider",
        provider=MailProviderName.RESEND,
        scenarios=("Resend: the queue is paused for more than a day",),
        tests=("tests/functions/shared/unit/test_stored_request.py",),
    ),
    Mutant(
        name="each attempt has a key of its own",
        file="functions/worker/repeating.py",
        search="return MadeRequests(requests=requests, stored=stored, is_repeat=True)",
        replace="stored = StoredRequest.of(\n"
        '            requests, provider=stored.provider, key=f"{self._now()}", made_at=stored.made_at\n'
        "        )\n"
        "        return MadeRequests(requests=requests, stored=stored, is_repeat=True)",
        provider=MailProviderName.RESEND,
        scenarios=("Resend: accepts and cuts the connection",),
        tests=("tests/functions/worker/unit/test_repeating.py",),
    ),
    Mutant(
        name="a delivery that is final keeps its requests",
        file="functions/shared/delivery.py",
        search='        "last_error": failure.error if failure else None,\n        "request": None,\n',
        replace='        "last_error": failure.error if failure else None,\n',
        provider=MailProviderName.RESEND,
        scenarios=("Resend: accepts and cuts the connection",),
        tests=("tests/functions/worker/integration/test_repeats.py::test_a_lost_answer_is_asked_for_again",),
    ),
    Mutant(
        name="a connection that breaks after the final dot is a clear failure",
        file="functions/worker/mail/smtp/answers.py",
        search="    if step is Step.END:\n",
        replace="    if False:\n",
        provider=MailProviderName.SMTP,
        scenarios=("SMTP: accepts and cuts",),
        tests=("tests/functions/worker/mail/test_smtp_answers.py", "tests/functions/worker/mail/test_outcomes.py"),
    ),
    Mutant(
        name="one recipient's message is accepted, and the report counts as sent to none",
        file="functions/worker/mail/several_messages.py",
        search="    if not accepted:\n",
        replace="    if True:\n",
        provider=MailProviderName.SMTP,
        scenarios=("SMTP: cuts between two recipients", "SMTP: refuses one of several recipients"),
        tests=("tests/functions/worker/mail/test_outcomes.py",),
    ),
    Mutant(
        name="the released dispatcher does not know what a part of a run begins with",
        file="functions/dispatcher/run_part.py",
        search='    DUE = "due"\n',
        replace='    DUE = "due_reports"\n',
        provider=MailProviderName.RESEND,
        scenarios=("two versions: side by side, back, and forth",),
        tests=("tests/contracts/test_messages.py",),
    ),
    Mutant(
        name="the released worker takes a new version's tasks for another delivery's",
        file="functions/shared/ids.py",
        search='return f"{_owner(user_id, subscription_id)}:{_compact(due_at)}"',
        replace='return f"{_owner(user_id, subscription_id)}::{_compact(due_at)}"',
        provider=MailProviderName.RESEND,
        scenarios=("two versions: side by side, back, and forth",),
        tests=("tests/contracts/test_messages.py",),
    ),
]
