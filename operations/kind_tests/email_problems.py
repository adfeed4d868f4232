"""What is wrong with the emails that a kind can make, each problem once, with the emails in which it is."""

from collections.abc import Iterator, Sequence

from operations.errors import OperatorError
from operations.kind_tests.guard import TookTooLong, guard
from operations.kind_tests.looks import Example, where
from operations.kind_tests.mail_problems import mail_problems
from operations.previews.preview import Mail
from report_kit.kind_folders import folder_of
from report_kit.mistakes import describe_mistake


def email_problems(tried: Sequence[Example]) -> list[str]:
    """Make emails, and say what is wrong with them. What takes too long ends it: the others would take as long."""
    found: dict[str, list[Example]] = {}
    for example in tried:
        try:
            for problem in _problems(example):
                found.setdefault(problem, []).append(example)
        except TookTooLong as error:
            found[describe_mistake(error, example.kind)] = [example]
            break
    return [f"{where(examples, tried)}: {problem}" for problem, examples in found.items()]


def _problems(example: Example) -> Iterator[str]:
    mistake = ""
    with guard().over(folder_of(example.kind)) as forbidden:
        try:
            made = example.make()
        except OperatorError as error:
            mistake = str(error)
    if forbidden or mistake:
        # What is refused may be a mistake as well.
        yield from forbidden or [mistake]
    elif isinstance(made, Mail):
        yield from mail_problems(made, example.language)
    else:
        yield "There is no email, although the subscription has `skip_empty: false`. See `request.skip_empty`."
