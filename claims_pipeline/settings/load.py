"""From the environment to checked settings, with every problem found at once.

What belongs here: where values come from and how they become facts. Not here: the settings' own shapes.
"""

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr, ValidationError

from claims_pipeline.settings.customers import (
    ONE_CUSTOMER,
    customer_of_environment,
    customers_of_file,
    numbers_in_file,
)
from claims_pipeline.settings.declared import EIGHT_DIGITS, DeclaredSettings, describe, name_of
from claims_pipeline.settings.facts import (
    AlertRules,
    AlertsAlone,
    CollaborateMD,
    Customer,
    DueRules,
    LambdaRules,
    Salesforce,
    SalesforceAlone,
    ScheduleTimes,
    Settings,
    SignIn,
    State,
    TimeLimits,
)
from claims_pipeline.settings.problems import Problems
from claims_pipeline.settings.secret import SecretReader, SecretUnreadable, read_aws_secret, values_in
from claims_pipeline.settings.shapes import alert_address, pem_private_key
from claims_pipeline.settings.sign_in import sign_in_of
from claims_pipeline.settings.times import schedule_times

_TIMES = ("daily_cron", "full_cron", "timezone")
_NOT_IN_THE_SECRET = ("config", "secret_id", *_TIMES)
_NO_TOKEN = "none"  # noqa: S105 - what people write where the org asks for no token


def load_settings(
    environ: Mapping[str, str],
    *,
    report_fields: Collection[str],
    claim_fields: Collection[str],
    read_secret: SecretReader = read_aws_secret,
) -> Settings:
    """All settings, checked together: one SettingsError names every missing and wrong one, and no value.

    `report_fields` are the fields that COLLABORATEMD_COLUMNS may name, `claim_fields` those of Claim__c that
    SALESFORCE_FIELDS_LEFT_ALONE may. TransientError when AWS fails to answer for the secret.
    """
    problems = Problems()
    declared = _checked_one_by_one(_given(environ, read_secret, problems), problems)
    customers = _customers(declared, report_fields, problems)
    sign_in = sign_in_of(declared, problems)
    private_key = _private_key(declared, problems)
    if unknown := sorted(declared.fields_left_alone - set(claim_fields)):
        problems.wrong("fields_left_alone", f"names {', '.join(unknown)}, and we write no such field")
    if declared.alerts_to is not None and (fault := _fault_of_addresses(declared.alerts_to)):
        problems.wrong("alerts_to", fault)
    if declared.longest_wait_minutes < declared.first_wait_minutes:
        problems.wrong("longest_wait_minutes", f"is shorter than {name_of('first_wait_minutes')}")
    for needed in ("storage", "collaboratemd_username", "collaboratemd_password"):
        if getattr(declared, needed) is None:
            problems.missing(needed)
    problems.stop_if_any()
    assert sign_in is not None
    return _facts(declared, customers, sign_in, private_key)


def load_salesforce(
    environ: Mapping[str, str], *, read_secret: SecretReader = read_aws_secret
) -> SalesforceAlone:
    """The settings of Salesforce alone, for who installs and never syncs: nothing else need be set.

    One SettingsError names every one of them that is missing or wrong.
    """
    problems = Problems()
    declared = _checked_one_by_one(_given(environ, read_secret, problems), problems)
    sign_in = sign_in_of(declared, problems)
    private_key = _private_key(declared, problems)
    problems.stop_if_any()
    assert sign_in is not None
    return SalesforceAlone(
        _salesforce(declared, sign_in, private_key),
        TimeLimits(declared.connect_seconds, declared.read_seconds),
        declared.ca_bundle,
    )


def load_alerts(environ: Mapping[str, str], *, read_secret: SecretReader = read_aws_secret) -> AlertsAlone:
    """Whom alerts go to and where it is kept, whatever else is wrong; one SettingsError where these are."""
    problems = Problems()
    declared = _checked_one_by_one(_given(environ, read_secret, problems), problems)
    of_alerts = Problems()
    if declared.alerts_to is not None and (fault := _fault_of_addresses(declared.alerts_to)):
        of_alerts.wrong("alerts_to", fault)
    of_alerts.stop_if_any()
    return AlertsAlone(_alerts(declared), _state(declared))


def customer_numbers(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The customers' numbers, for partitions that are needed before anything is set: never raises, asks nobody.

    Empty when no customer is set, or `claims.toml` can't be read; `load_settings` says why. A number in the secret is
    not seen. In the order of the settings, each once.
    """
    config = environ.get(name_of("config"), "").strip()
    if config:
        try:
            return numbers_in_file(Path(config).expanduser())
        except RuntimeError:  # a home folder that is not there
            return ()
    number = environ.get(name_of("customer"), "").strip()
    return (number,) if re.fullmatch(EIGHT_DIGITS, number, re.ASCII) else ()


def times_of_schedules(environ: Mapping[str, str]) -> ScheduleTimes:
    """When the schedules fire, needed before anything is set: never raises, and asks nobody.

    A wrong value gives way to the default here; `load_settings` says so.
    """
    return schedule_times(environ, {field: name_of(field) for field in _TIMES})


def _given(environ: Mapping[str, str], read_secret: SecretReader, problems: Problems) -> dict[str, str]:
    """The text that is set for each field, blanks left out; the environment wins over the secret."""
    given = _named_in(environ)
    if "secret_id" not in given:
        return given
    try:
        held = values_in(read_secret(given["secret_id"], given.get("region")))
    except SecretUnreadable as error:
        problems.secret_is_unread = True
        problems.wrong("secret_id", f"cannot be used ({error})")
        return given
    fields = (describe(field) for field in DeclaredSettings.model_fields if field not in _NOT_IN_THE_SECRET)
    known = {name for field in fields for name in (field.name, *field.also)}
    for name in sorted(set(held) - known):
        problems.add(
            f"The secret of {name_of('secret_id')} holds {name}, which is no setting that it may hold: it should go"
        )
    return _named_in({name: value for name, value in held.items() if name in known}) | given


def _named_in(source: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for field in DeclaredSettings.model_fields:
        described = describe(field)
        for name in (*described.also[::-1], described.name):  # the first name wins
            text = source.get(name, "")
            if text.strip():
                found[field] = text.strip("\r\n") if described.is_secret else text.strip()
    return found


def _checked_one_by_one(given: Mapping[str, str], problems: Problems) -> DeclaredSettings:
    """The values that look right; a wrong one is told and then treated as not set."""
    try:
        return DeclaredSettings.model_validate(given)
    except ValidationError as error:
        for fault in error.errors(include_url=False, include_input=False):
            field = str(fault["loc"][0])
            # only our own shapes' words are passed on: pydantic's may quote what was given
            reason = str(fault["ctx"]["error"]) if fault["type"] == "value_error" else "is wrong"
            problems.wrong(field, reason)
    return DeclaredSettings.model_validate(
        {field: text for field, text in given.items() if not problems.blames(field)}
    )


def _customers(
    declared: DeclaredSettings, report_fields: Collection[str], problems: Problems
) -> tuple[Customer, ...]:
    if problems.blames("config"):
        return ()
    if declared.config is None:
        return customer_of_environment(declared, report_fields, problems)
    for field in ONE_CUSTOMER:
        if getattr(declared, field) is not None:
            problems.add(f"{name_of(field)} is set beside {name_of('config')}: one of the two should go")
    return customers_of_file(declared.config, report_fields, problems)


def _fault_of_addresses(addresses: SecretStr) -> str | None:
    """What is wrong with the first wrong one. It is named by its place: an address holds tokens and passwords."""
    for place, address in enumerate(addresses.get_secret_value().split(), start=1):
        try:
            alert_address(address)
        except ValueError as error:
            return f"{error} (address {place})"
    return None


def _private_key(declared: DeclaredSettings, problems: Problems) -> SecretStr | None:
    if declared.private_key is None:
        return None
    try:
        return SecretStr(pem_private_key(declared.private_key.get_secret_value()))
    except ValueError as error:
        problems.wrong("private_key", str(error))
        return None


def _facts(
    declared: DeclaredSettings,
    customers: tuple[Customer, ...],
    sign_in: SignIn,
    private_key: SecretStr | None,
) -> Settings:
    assert declared.storage is not None
    assert declared.collaboratemd_username is not None
    assert declared.collaboratemd_password is not None
    return Settings(
        customers=customers,
        collaboratemd=CollaborateMD(
            base_url=declared.base_url,
            username=declared.collaboratemd_username,
            password=declared.collaboratemd_password,
            poll_seconds=declared.poll_seconds,
            deadline_seconds=declared.collaboratemd_deadline_seconds,
        ),
        salesforce=_salesforce(declared, sign_in, private_key),
        state=_state(declared),
        due=DueRules(
            due_after=timedelta(hours=declared.due_after_hours),
            most_attempts=declared.most_attempts,
            first_wait=timedelta(minutes=declared.first_wait_minutes),
            longest_wait=timedelta(minutes=declared.longest_wait_minutes),
        ),
        times=ScheduleTimes(declared.daily_cron, declared.full_cron, declared.timezone),
        on_lambda=LambdaRules(declared.stop_before_seconds, declared.most_continuations),
        alerts=_alerts(declared),
        storage=declared.storage,
        keep=timedelta(days=declared.keep_days),
        time_limits=TimeLimits(declared.connect_seconds, declared.read_seconds),
        ca_bundle=declared.ca_bundle,
        log_level=declared.log_level,
        reports=declared.reports,
    )


def _state(declared: DeclaredSettings) -> State:
    return State(declared.table_name, declared.region, declared.endpoint_url, declared.lease_term_seconds)


def _alerts(declared: DeclaredSettings) -> AlertRules:
    to = declared.alerts_to.get_secret_value().split() if declared.alerts_to is not None else ()
    return AlertRules(
        tuple(SecretStr(each) for each in dict.fromkeys(to)),
        refused_above=declared.alert_refused_above,
        rejected_above=declared.alert_rejected_above,
        payor_dollars_above=declared.alert_payor_dollars_above,
        again_after=timedelta(hours=declared.alert_again_hours),
        dagster_url=declared.dagster_url,
        docs_url=declared.docs_url.rstrip("/") if declared.docs_url else None,
    )


def _salesforce(declared: DeclaredSettings, sign_in: SignIn, private_key: SecretStr | None) -> Salesforce:
    assert declared.domain is not None
    token = declared.security_token
    return Salesforce(
        sign_in=sign_in,
        domain=declared.domain,
        api_version=declared.api_version,
        username=declared.salesforce_username,
        password=declared.salesforce_password,
        security_token=SecretStr("") if token and token.get_secret_value().lower() == _NO_TOKEN else token,
        consumer_key=declared.consumer_key,
        private_key=private_key,
        consumer_secret=declared.consumer_secret,
        batch_size=declared.batch_size,
        bulk_from_rows=declared.bulk_from_rows,
        jobs_at_once=declared.jobs_at_once,
        fields_left_alone=declared.fields_left_alone,
        poll_seconds=declared.salesforce_poll_seconds,
        deadline_seconds=declared.salesforce_deadline_seconds,
    )
