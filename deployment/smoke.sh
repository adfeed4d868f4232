# shellcheck shell=bash
# One run for one test user, from the schedule to the ledger, without a real mail.

smoke_test() { step smoke "Smoke test"; }
