"""The sync state's table and its wire, for the steps that stand on it alone."""

from claims_pipeline_tests.clients.sync_state.conftest import aws, moto, table, wire

__all__ = ["aws", "moto", "table", "wire"]
