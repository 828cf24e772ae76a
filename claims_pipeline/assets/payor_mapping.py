"""The asset `payor_mapping`: what Salesforce knows of payors."""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from claims_pipeline.assets.describe import table_schema
from claims_pipeline.assets.rehearsal import is_rehearsed
from claims_pipeline.assets.steps import FRESH, GROUP, OWNERS, step
from claims_pipeline.resources.failures import IF_IT_PASSES
from claims_pipeline.resources.systems import ClaimsSystems
from claims_pipeline.storage.frames import StampedFrame
from claims_pipeline.sync.payors.mapping import SCHEMA, read_payor_mapping

_COLUMNS = {
    "kind": "`payor`: a Claim_Payor__c record; `mapping`: a row of the mapping table",
    "id": "record id of the payor",
    "name": "the payor's name",
    "payor_id": "the payor's id, where Payor_ID__c has one",
    "payor_key": "normalised name and id that the mapping row stands for",
    "claim_payor": "the payor that a person mapped the key to",
    "ignored": "whether a person wants the key left unmapped",
    "automatic_match": "the payor that was last matched automatically",
    "linked_payor": "the payor that the key's claims were last linked to",
    "match_rule": "how the key was matched automatically, or why it was not",
    "source_payor_name": "the payor's name as a report gave it",
    "source_payor_id": "the payor's id as a report gave it",
    "first_seen_on": "when a report first held the payor",
    "last_seen_on": "a recent day on which a report held it",
    "claim_count": "its claims in Salesforce without a payor, as the row says",
    "charged_amount": "their charged US dollars, as the row says",
    **{
        f"suggestion_{place}{part}": f"{words} {place}, which a person may choose"
        for place in (1, 2, 3)
        for part, words in (
            ("", "record id of suggestion"),
            ("_score", "likeness, in percent, of suggestion"),
        )
    },
}


def build() -> dg.AssetsDefinition:
    """The asset; it has no partitions: all customers share the org's payors."""

    @dg.asset(
        group_name=GROUP,
        owners=OWNERS,
        kinds={"salesforce", "parquet"},
        code_version="1",
        retry_policy=IF_IT_PASSES,
        output_required=False,
        freshness_policy=FRESH,
        metadata={"dagster/column_schema": table_schema(SCHEMA, _COLUMNS)},
    )
    def payor_mapping(
        context: dg.AssetExecutionContext, systems: ClaimsSystems
    ) -> Iterator[dg.MaterializeResult[StampedFrame]]:
        """The org's payors (Claim_Payor__c) and its mapping table (Claim_Payor_Mapping__c).

        Grain: one row a payor, and one a mapping. Key: kind with id or payor key. Source: Salesforce.
        """
        if is_rehearsed(context):
            return
        with step(context, systems) as at_work:
            connections = at_work.connections
            mapping = read_payor_mapping(connections.salesforce, connections.now(), connections.state.owner)
            kinds = dict(mapping.frame.group_by("kind").len().collect().iter_rows())
            yield dg.MaterializeResult(
                value=mapping,
                metadata=at_work.facts(
                    {
                        "dagster/row_count": mapping.frame.select(pl.len()).collect().item(),
                        "payors": kinds.get("payor", 0),
                        "mappings": kinds.get("mapping", 0),
                        "mapping_table_installed": bool(mapping.stamp.facts["mapping_table"]),
                        "fields_hidden": len(mapping.stamp.facts.get("hidden", ())),
                    }
                ),
            )

    return payor_mapping
