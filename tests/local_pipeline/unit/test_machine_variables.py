"""What each process gets of the environment of the one that has started it."""

import pytest

from local_pipeline.machine_variables import machine_variables


def test_a_moved_clock_and_its_time_zone_go_with_it_and_settings_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    moved = {"LD_PRELOAD": "libfaketime.so.1", "FAKETIME": "+400d", "FAKETIME_SHARED": "/a /b", "TZ": "Pacific/Apia"}
    for name, value in {**moved, "MAIL_PROVIDER": "smtp"}.items():
        monkeypatch.setenv(name, value)
    kept = machine_variables()
    assert moved.items() <= kept.items()
    assert "PATH" in kept
    assert "MAIL_PROVIDER" not in kept
