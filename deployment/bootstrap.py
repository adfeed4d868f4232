"""What only an administrator of the project can do: the APIs, who may use the key of the team, the database, service
accounts, the roles that a project or an account grants, the image repository, and the roles of DEPLOYER, who deploys
all else. With DEPLOYER set, a run without --bootstrap changes none of this, and stops where something is missing.
docs/guides/permissions.md has the roles of both.
"""

from deployment.apis import enable_apis
from deployment.buckets import set_up_archive
from deployment.checks import wrong_region
from deployment.engine.google_error import GoogleError
from deployment.lock import has_bucket, take_lock
from deployment.quota import wrong_quota
from deployment.resources.accounts import accounts, repository
from deployment.resources.console import console_account
from deployment.resources.deployer import deployer
from deployment.resources.encryption import KEY, key, sharing
from deployment.resources.firestore import database, makes_database, making
from deployment.run import Run
from deployment.stopped import Stopped


def bootstrap(run: Run) -> None:
    """Plan what an administrator makes, or name what is left to them."""
    options, report = run.options, run.report
    report.looks_only = bool(run.settings.deployer) and not options.bootstrap
    # The first run has to turn on what its lock is made with.
    if not report.looks_only and "storage" in run.client.on and has_bucket(run):
        take_lock(run)
    is_new = enable_apis(run)
    settings = run.settings
    # What the interfaces know that were off in the checks.
    wrong = [*wrong_region(run)] if is_new else []
    if not options.bootstrap and options.does("functions"):
        wrong += wrong_quota(run, warns=True)
    if wrong:
        raise Stopped("APIs were enabled, and nothing else was changed.", *(f"- {line}" for line in wrong))
    if settings.kms_key and not options.only:
        report.step("encryption", "Encryption key")
        _share_key(run)
    if not report.looks_only:
        take_lock(run)
    if options.does("firestore"):
        report.step("firestore", "Firestore database")
        is_made = makes_database(settings, run.client)
        if is_made:
            run.send(making(settings, is_over=False))
        run.bring(database(settings, run.client))
        if is_made:
            run.send(making(settings, is_over=True))
    if options.does("accounts"):
        report.step("accounts", "Service accounts")
        run.bring(accounts(settings))
        report.step("archive", "Archive")
        set_up_archive(run)
    if options.stages:
        report.step("repository", "Image repository")
        run.bring(repository(settings))
    if options.console:
        report.step("console", "Console's account")
        run.bring(console_account(settings))
    if settings.deployer and not options.only:
        report.step("deployer", "Deployer")
        run.bring(deployer(settings, run.client))
    if report.looks_only:
        _name_what_is_left(run)
        report.looks_only = False
        take_lock(run)


def _share_key(run: Run) -> None:
    """Let the services use the key, whose policy may be that of another team, and closed."""
    try:
        run.bring(key(run.settings))
    except GoogleError as error:
        if error.code != "PERMISSION_DENIED" or not error.request.startswith(KEY.method("getIamPolicy").id):
            raise
        run.report.warn_last(
            f"who may use KMS_KEY could not be read: {error.message}",
            "Its administrator lets Google's services use it, once:",
            *sharing(run.settings),
        )


def _name_what_is_left(run: Run) -> None:
    options, report = run.options, run.report
    # With the options that decide what belongs to it.
    also = {"--console": options.console, "--firestore-rules": options.firestore_rules, "--smoke": options.smoke}
    command = " ".join([options.itself, "--bootstrap", *(option for option, is_given in also.items() if is_given)])
    if report.superfluous:
        report.warn_last(
            f"the pipeline no longer needs this. An administrator takes it back: {command}",
            *(f"- {line}" for line in report.superfluous),
        )
    missing = [f"- {line}" for line in report.missing]
    if missing and options.dry_run:
        report.warn_last(f"this is an administrator's to do, before all else: {command}", *missing)
    elif missing:
        report.current = "bootstrap"
        raise Stopped(
            "what an administrator makes is missing. Nothing was changed.",
            *missing,
            f"An administrator runs {command}, with the same settings. Then run this again.",
        )
