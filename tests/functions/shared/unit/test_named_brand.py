"""The brands of a project's file, and what does not go with a deployment."""

from pathlib import Path
from typing import Any

import pytest

from functions.shared.named_brand import NamedBrand, problems, read_brands, to_json
from functions.shared.settings import MailSettings


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("- acme", "Input should be a valid dictionary"),
        ("Acme: {}", "Acme.[key]: String should match"),
        ("acme:", "acme: Input should be a valid dictionary"),
        ("acme: {color: 2026-11-30}", "acme.color: Input should be a valid string"),
        ("acme: {color: red, sender: a@b.example}", "acme.color: must be a color such as #2563eb; acme.sender: Extra"),
        ('acme: {from: "a@b.example\\nBcc: c@d.example"}', "acme.from: String should match"),
        ("acme: [", "while parsing a flow node"),
        ("\x00", "unacceptable character"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_in_one_line(tmp_path: Path, content: str, problem: str) -> None:
    file = tmp_path / "brands.yaml"
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match="brands") as raised:
        read_brands(file)
    [line] = str(raised.value).splitlines()
    assert line.startswith(f"brands.yaml: {problem}")


def test_the_functions_read_what_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "brands.yaml"
    assert to_json(read_brands(file)) == ""
    file.write_text('acme: {name: Acme, unsubscribe_group: 7, color: "#ABCDEF"}\nlabs: {}\n', encoding="utf-8")
    settings = MailSettings.model_validate({"mail_from": "a@b.example", "brands": to_json(read_brands(file))})
    assert settings.brands == read_brands(file)
    assert settings.brands["acme"].within(settings).mail_unsubscribe_group == 7


@pytest.mark.parametrize(
    ("brand", "deployment", "problem"),
    [
        ({"account": "acme"}, {"in_group": True}, "needs unsubscribe_group, since a group belongs to an account"),
        ({"account": "acme", "unsubscribe_group": 7}, {"in_group": True}, ""),
        # The email would have two ways out.
        ({"unsubscribe_group": 7}, {"has_page": True}, "unsubscribe_group needs MAIL_UNSUBSCRIBE_GROUP"),
        ({"link_domain": "a.example"}, {}, "link_domain needs the recipient's page"),
        ({"link_domain": "a.example"}, {"has_page": True}, ""),
        ({"reply_to": "grüße@b.example"}, {"is_ascii": True}, "from and reply_to must be ASCII before the @"),
        ({"reply_to": "grüße@b.example"}, {}, ""),
        ({"from": "a@grüße.example"}, {"is_ascii": True}, ""),
    ],
)
def test_what_does_not_go_with_the_deployment(brand: Any, deployment: Any, problem: str) -> None:
    among = {"labs": NamedBrand.model_validate({}), "acme": NamedBrand.model_validate(brand)}
    found = list(problems(among, **{"in_group": False, "has_page": False, "is_ascii": False, **deployment}))
    assert [each[: len("brands.yaml: acme: ") + len(problem)] for each in found] == [
        *([f"brands.yaml: acme: {problem}"] if problem else [])
    ]
