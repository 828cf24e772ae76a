"""The code location: the one place where the rooms meet.

Loads with an empty environment; the customers (Dagster's partitions) are read from it, all else when a run starts.
"""

import os
from collections.abc import Mapping

import dagster as dg

from claims_pipeline.process_memory import importing, keep_it_small

keep_it_small()  # before anything imports polars

with importing():
    from claims_pipeline.assets import (
        lineage,
        payor_mapping,
        raw_collaboratemd_claims,
        salesforce_synced_claims,
        sync_report,
        transformed_claims,
        unmapped_payors,
    )
    from claims_pipeline.automation import alerting, jobs, schedules, sensors
    from claims_pipeline.checks import reconciliation
    from claims_pipeline.resources.io_manager import ParquetIOManager
    from claims_pipeline.resources.systems import (
        ClaimsSettings,
        ClaimsStorage,
        ClaimsSystems,
        CollaborateMD,
        Salesforce,
        SyncStateTable,
    )
    from claims_pipeline.settings import customer_numbers, times_of_schedules
    from claims_pipeline.sync.connections import Clock, utc_now


def build_definitions(environ: Mapping[str, str], now: Clock = utc_now) -> dg.Definitions:
    """Assets, checks, jobs, schedules, sensor and resources over the customers that the environment names."""
    numbers = customer_numbers(environ)
    customers = dg.StaticPartitionsDefinition(list(numbers))
    daily, full = jobs.build(), jobs.build_full()
    return dg.Definitions(
        assets=[
            lineage.report_asset(),
            raw_collaboratemd_claims.build(customers),
            payor_mapping.build(),
            transformed_claims.build(customers),
            salesforce_synced_claims.build(customers),
            unmapped_payors.build(),
            sync_report.build(customers),
        ],
        asset_checks=[reconciliation.build()],
        jobs=[daily, full],
        schedules=schedules.build(numbers, times_of_schedules(environ), daily=daily, full=full),
        sensors=[sensors.build(numbers, (daily, full), now), *alerting.build(numbers, now)],
        resources=_resources(),
    )


def _resources() -> dict[str, object]:
    # Dagster copies a nested resource for each that has it, unless it is one that a run resolves by its key: the
    # settings, and the secret with them, are read once a run
    settings = ClaimsSettings.configure_at_launch()
    storage = ClaimsStorage(settings=settings)
    collaboratemd = CollaborateMD(settings=settings)
    salesforce = Salesforce(settings=settings)
    sync_state = SyncStateTable(settings=settings)
    return {
        "settings": settings,
        "storage": storage,
        "collaboratemd": collaboratemd,
        "salesforce": salesforce,
        "sync_state": sync_state,
        "systems": ClaimsSystems(
            settings=settings,
            storage=storage,
            collaboratemd=collaboratemd,
            salesforce=salesforce,
            sync_state=sync_state,
        ),
        "io_manager": ParquetIOManager(storage=storage),
    }


defs = build_definitions(os.environ)
