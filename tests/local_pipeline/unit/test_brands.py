"""The accounts of a project's brands at the stand-ins of the providers."""

import json
from pathlib import Path

import pytest

from local_cloud.errors import LocalCloudError
from local_pipeline.brands import brand_domains, brand_variables
from local_pipeline.provider import Provider

SMTP_URL = "smtp://here"


def test_each_account_takes_the_emails_of_its_brands(tmp_path: Path) -> None:
    assert brand_variables(tmp_path, Provider.SENDGRID, SMTP_URL) == {}
    (tmp_path / "brands.yaml").write_text(
        "acme: {from: a@acme.example, account: acme}\nbeta: {account: acme}\nlabs: {from: a@labs.example}\n",
        encoding="utf-8",
    )
    assert brand_domains(tmp_path, {Provider.SENDGRID: "SG.own", Provider.RESEND: "re_own"}) == {
        "SG.acme.not-a-secret": ["acme.example"],
        "re_local-cloud_acme": ["acme.example"],
        **{key: ["labs.example"] for key in ("SG.own", "re_own")},
    }
    for provider, key in {Provider.SENDGRID: "SG.acme.not-a-secret", Provider.SMTP: SMTP_URL}.items():
        assert json.loads(brand_variables(tmp_path, provider, SMTP_URL)["MAIL_ACCOUNTS"]) == {"acme": key}


def test_a_wrong_file_ends_it_with_a_line(tmp_path: Path) -> None:
    (tmp_path / "brands.yaml").write_text("acme: {color: 2026-11-30}", encoding="utf-8")
    with pytest.raises(LocalCloudError, match=r"acme\.color: Input should be a valid string"):
        brand_variables(tmp_path, Provider.SENDGRID, SMTP_URL)
