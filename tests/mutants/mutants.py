"""The mistakes: those that each rule of the promise is there to keep out.

A mutant names the source as it is. Where the source changes, the mutant is written anew with it: a test
(tests/mutants/unit/) fails as long as it is not.
"""

from tests.mutants.mutant import Mutant

ALL = [
    Mutant(
        name="the next report is due now",
        file="functions/worker/recipient.py",
        search='return {"next_report_at": next_report_at, **self._reported(until)}',
        replace='return {"next_report_at": until.now(until.tzinfo), **self._reported(until)}',
        scenarios=("queue: a task is delivered twice",),
        tests=("tests/functions/worker/unit/test_recipient.py",),
    ),
    Mutant(
        name="who signs up is due now, not at the run's time",
        file="functions/dispatcher/enrollment.py",
        search='{"next_report_at": run_time},',
        replace='{"next_report_at": run_time.now(run_time.tzinfo)},',
        scenarios=("users: sign up",),
        tests=("tests/functions/dispatcher/integration/test_runs.py::test_a_new_user_is_enrolled_and_due_at_once",),
    ),
    Mutant(
        name="a user is moved back",
        file="functions/worker/recipient.py",
        search="if self.next_report_at is not None and self.next_report_at > max(due_at, period.end):",
        replace="if False:",
        scenarios=("dead letters: replayed hours later",),
        tests=("tests/functions/worker/unit/test_recipient.py",),
    ),
    Mutant(
        name="a user who was set back moves on one report at a time",
        file="functions/worker/recipient.py",
        search="""or self.next_report_at != due_at:
            return {}
""",
        replace="""or self.next_report_at != due_at:
            return {}
        newest = ()
""",
        scenarios=("subscriptions: are set back by hours",),
        tests=(
            "tests/functions/worker/integration/test_users_move.py::test_a_user_set_back_by_hours_comes_back_with_one_call",
        ),
    ),
    Mutant(
        name="the user is written whatever the application wrote meanwhile",
        file="functions/worker/delivery_store.py",
        search="batch.update(self._user(user_id), dict(fields), option=option)",
        replace="batch.update(self._user(user_id), dict(fields))",
        scenarios=(
            "subscriptions: change their schedule while they are sent",
            "subscriptions: are postponed while they are sent",
        ),
        tests=(
            "tests/functions/worker/integration/test_users_move.py::test_what_the_application_writes_while_a_mail_is_sent_stays",
            "tests/functions/worker/integration/test_users_move.py::test_a_user_who_changes_the_schedule_meanwhile_moves_on_by_the_new_one",
        ),
    ),
    Mutant(
        name="a 5xx after acceptance is a refusal",
        file="functions/worker/mail/sendgrid/api.py",
        search="    return Unclear(error=error)\n",
        replace="    return Unavailable(error=error)\n",
        scenarios=("SendGrid: accepts and answers 502",),
        tests=("tests/functions/worker/unit/test_sendgrid_answers.py",),
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
        name="what is claimed is given up",
        file="functions/dispatcher/rescue/policy.py",
        search="if delivery.is_claimed(run_time):",
        replace="if False:",
        scenarios=("worker: sends what is being given up",),
        tests=("tests/functions/dispatcher/unit/test_policy.py",),
    ),
    Mutant(
        name="a dead letter is published before its report is held",
        file="functions/dispatcher/rescue/dead_lettering.py",
        search="            held = self._deliveries.hold(user, report.delivery, failure)\n",
        replace="            self._dead_letters.publish(self._letter(report))\n"
        "            held = self._deliveries.hold(user, report.delivery, failure)\n",
        scenarios=("worker: claims what is being given up",),
        tests=(
            "tests/functions/dispatcher/integration/test_overdue.py::test_nobody_else_may_act_on_a_report_while_its_dead_letter_is_published",
        ),
    ),
    Mutant(
        name="time in a pause counts",
        file="functions/dispatcher/rescue/queue_clock.py",
        search="if before.condition is not None or after.condition is QueueCondition.PAUSED:",
        replace="if False:",
        scenarios=("queue: drops its tasks after a day's pause",),
        tests=("tests/functions/dispatcher/unit/test_queue_clock.py",),
    ),
    Mutant(
        name="a task that waits in the queue counts as dead",
        file="functions/dispatcher/rescue/waiting_tasks.py",
        search="if created_at is None:",
        replace="if True:",
        scenarios=("SendGrid: answers 429 and asks to wait for hours",),
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
        file="functions/worker/transitions.py",
        search="        return NextStep.SEND\n    return NextStep.GIVE_UP_UNKNOWN\n",
        replace="        return NextStep.SEND\n    return NextStep.SEND\n",
        scenarios=("worker: killed after SendGrid accepted",),
        tests=("tests/functions/worker/unit/test_transitions.py",),
    ),
    Mutant(
        name="a first claim is not conditional",
        file="functions/worker/delivery_store.py",
        search="batch.create(reference, {**pending_fields(",
        replace="batch.set(reference, {**pending_fields(",
        scenarios=("queue: a task is delivered three times at once",),
        tests=(
            "tests/functions/worker/integration/test_send.py::test_two_calls_at_the_same_moment_send_one_mail",
            "tests/functions/worker/integration/test_send.py::test_many_calls_at_once_send_one_mail_for_each_delivery",
        ),
    ),
    Mutant(
        name="what is final is sent again",
        file="functions/worker/transitions.py",
        search="    if delivery.is_final:\n        return NextStep.ALREADY_FINAL\n",
        replace="    if delivery.is_final:\n        return NextStep.SEND\n",
        scenarios=("queue: a task is delivered again after success",),
        tests=("tests/functions/worker/unit/test_transitions.py",),
    ),
    Mutant(
        name="a lease does not end",
        file="functions/worker/transitions.py",
        search="if delivery.is_claimed(now):",
        replace="if delivery.lease_expires_at is not None:",
        scenarios=("worker: killed after SendGrid accepted",),
        tests=("tests/functions/worker/unit/test_transitions.py",),
    ),
    Mutant(
        name="an inactive user is sent a report",
        file="functions/worker/recipient.py",
        search='wanted=document.get("active") is not False,',
        replace="wanted=True,",
        scenarios=("everything: users leave, are deleted, are set back",),
        tests=("tests/functions/worker/integration/test_send.py::test_an_inactive_user_is_skipped_and_moves_on",),
    ),
    Mutant(
        name="what is reported is not noted",
        file="functions/worker/recipient.py",
        search='return {"reported_until": until}',
        replace="return {}",
        scenarios=("queue: tasks come hours late",),
        tests=("tests/functions/worker/unit/test_recipient.py",),
    ),
]
