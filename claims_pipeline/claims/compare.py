"""What to send: the claims of the source against the claims of the org (rules: what is sent, payors, owners).

What belongs here: the canonical form, the hash, and the decision for each claim. Pure, one hash bucket at a time.
Not here: reading the org or writing to it (`clients.salesforce`), nor the order of it all (`sync`).
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from claims_pipeline.claims.columns import COLUMNS, Kind
from claims_pipeline.claims.outcomes import HoldReason
from claims_pipeline.claims.values import claim_keys

KEY_FIELD = "Claim_Number__c"
LOOKUP_FIELD = "Claim_Payor__c"
HASH_FIELD = "Source_Hash__c"
MISSING_FIELD = "Source_Missing_Since__c"
CUSTOMER_FIELD = "Source_Customer__c"
PAYOR_KEY_FIELD = "Source_Payor_Key__c"

SOURCE_FIELDS: tuple[str, ...] = (
    *(column.salesforce for column in COLUMNS if column.salesforce is not None),
    "Paid_Y_or_N__c",
    PAYOR_KEY_FIELD,
)
"""Fields of `Claim__c` that the source owns: hashed, compared, healed."""

KEPT_FIELDS: tuple[str, ...] = (CUSTOMER_FIELD, MISSING_FIELD)
"""Fields that we keep about a claim: compared, never hashed, and always put right."""

STAMP_FIELDS: tuple[str, ...] = (HASH_FIELD, "Source_Synced_At__c", "Source_As_Of__c")
"""Written along with a claim that is sent; never compared, never a reason to send."""

REQUIRED_FIELDS: tuple[str, ...] = (
    *(field for field in SOURCE_FIELDS if not field.startswith("Source_")),
    LOOKUP_FIELD,
)
"""The predecessor's fields, without which a sync makes no sense."""

OPTIONAL_FIELDS: tuple[str, ...] = (
    *(field for field in SOURCE_FIELDS if field.startswith("Source_")),
    *KEPT_FIELDS,
    *STAMP_FIELDS,
)
"""Fields of ours: an org that lacks them is synced without what they are for."""

MONEY_FIELDS: tuple[str, ...] = tuple(
    column.salesforce for column in COLUMNS if column.kind is Kind.MONEY and column.salesforce is not None
)

LEAVE = ""
"""In a payload: leave the field as it stands in the org. (Null clears it; text is never empty.)"""

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_ESCAPED = r'[\x00-\x1f"\\]'
_HASH_VERSION = "1"
_HASH_DIGITS = 38
_PERSON_DECIDED = "TABLE"


@dataclass(frozen=True)
class CompareRules:
    """What a comparison needs to know beside the two frames.

    `writable` are the fields of `Claim__c` that exist and that we may write; `left_to_org` those that the report
    does not carry or that the settings leave alone. `our_user` is the integration user's record id.
    """

    customer: str
    our_user: str
    writable: frozenset[str]
    left_to_org: frozenset[str]
    synced_at: datetime
    as_of: datetime
    resend: bool = False

    @property
    def source_fields(self) -> tuple[str, ...]:
        """The source's fields that are compared, and sent when they differ."""
        return tuple(field for field in SOURCE_FIELDS if self.writes(field))

    def writes(self, field: str) -> bool:
        """Whether this sync may write the field at all."""
        return field in self.writable and field not in self.left_to_org

    @property
    def read_back(self) -> tuple[str, ...]:
        """The fields to read from the org before comparing."""
        return fields_to_compare(self.writable)


def fields_to_compare(writable: frozenset[str]) -> tuple[str, ...]:
    """What a comparison reads of each claim in an org of which we may write these fields."""
    read = (*SOURCE_FIELDS, *KEPT_FIELDS, LOOKUP_FIELD, HASH_FIELD)
    return ("Id", "LastModifiedById", *(field for field in read if field in writable))


def canonical_claims(claims: pl.DataFrame) -> pl.DataFrame:
    """Claims with every field as the text that Salesforce takes: `1234.50`, `2026-01-05`; null stays null."""
    wire = [
        pl.col(name).dt.to_string("%Y-%m-%d") if dtype == pl.Date else pl.col(name).cast(pl.String)
        for name, dtype in claims.schema.items()
        if name in SOURCE_FIELDS
    ]
    return claims.with_columns(wire)


def source_hash(claims: pl.DataFrame) -> pl.Series:
    """`1:` and a digest of the cleaned source fields of each canonical claim (Text 40). No lookup, no stamp.

    Of the fields as a JSON list: put together for all claims at once, but for the few that JSON writes with escapes.
    """
    cells = claims.select(SOURCE_FIELDS)
    quoted = [pl.format('"{}"', name).fill_null("null") for name in SOURCE_FIELDS]
    told = cells.select(
        text=pl.format("[{}]", pl.concat_str(quoted, separator=",")),
        escaped=pl.concat_str(SOURCE_FIELDS, ignore_nulls=True).str.contains(_ESCAPED),
    )
    texts = told.get_column("text")
    places = told.get_column("escaped").arg_true()
    if len(places):
        rows = cells[places].iter_rows()
        texts = texts.scatter(places, pl.Series([_JSON(row) for row in rows], dtype=pl.String))
    return pl.Series(HASH_FIELD, [_digest(text) for text in texts.to_list()], dtype=pl.String)


def _digest(text: str) -> str:
    return f"{_HASH_VERSION}:{hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]}"


def decide(claims: pl.DataFrame, org: pl.DataFrame, rules: CompareRules) -> pl.DataFrame:
    """One decision a claim: what is sent, what is left, what is held.

    `claims` is a bucket of canonical claims with `claim_key`, `matched_payor`, `match_rule` and `linked_payor`;
    `org` holds the org's records of these keys, `rules.read_back` as canonical text. Returns the claims with
    `action` (`create`, `update`, `unchanged`, `hold`), `reason` (a HoldReason or null), `healed` (Boolean),
    `differing` (list of field names), `org_id`, and one `send:<field>` column a field that is sent (wire form).
    """
    ours = claims.with_columns(source_hash(claims))
    standing = _prefixed(org, rules)
    joined = ours.join(standing, on="claim_key", how="left", maintain_order="left")
    judged = _judge(_with_lookup(joined, rules), rules)
    return judged.with_columns(_payload(rules))


def _prefixed(org: pl.DataFrame, rules: CompareRules) -> pl.DataFrame:
    """The org's records under `org:` names, by folded key; absent fields as nulls, so that one path serves all orgs."""
    wanted = (*rules.read_back, HASH_FIELD, CUSTOMER_FIELD, MISSING_FIELD, PAYOR_KEY_FIELD, LOOKUP_FIELD)
    return (
        with_claim_key(org, KEY_FIELD)
        .select(
            "claim_key",
            *(
                (pl.col(name) if name in org.columns else pl.lit(None, dtype=pl.String)).alias(f"org:{name}")
                for name in dict.fromkeys(wanted)
            ),
        )
        .unique("claim_key", keep="first", maintain_order=True)
    )


def with_claim_key(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """The frame with `claim_key`: the ids of `column` as Salesforce compares them, trimmed and case-folded."""
    return frame.with_columns(claim_keys(frame.get_column(column).str.strip_chars()).alias("claim_key"))


def _with_lookup(joined: pl.DataFrame, rules: CompareRules) -> pl.DataFrame:
    """Adds `lookup`: the payor's record id to write, null to clear it, LEAVE to let it stand.

    A person's mapping replaces any lookup. An automatic match fills an empty lookup, or replaces the one that we
    linked ourselves. Where nothing matches, the lookup stands unless the payor changed at the source.
    """
    is_new = pl.col("org:Id").is_null()
    payor = pl.col("matched_payor")
    standing = pl.col(f"org:{LOOKUP_FIELD}")
    changed_at_source = _payor_changed_at_source(rules)
    ours_to_set = standing.is_null() | standing.eq(pl.col("linked_payor")).fill_null(False)
    wanted = (
        pl.when(is_new)
        .then(payor.fill_null(LEAVE))
        .when(changed_at_source)
        .then(payor)
        .when(payor.is_not_null() & ((pl.col("match_rule") == _PERSON_DECIDED) | ours_to_set))
        .then(payor)
        .otherwise(pl.lit(LEAVE))
    )
    if not rules.writes(LOOKUP_FIELD):
        wanted = pl.lit(LEAVE)
    return joined.with_columns(lookup=wanted).with_columns(
        lookup=pl.when(pl.col("lookup").eq_missing(standing) & ~is_new)
        .then(pl.lit(LEAVE))
        .otherwise(pl.col("lookup"))
    )


def _payor_changed_at_source(rules: CompareRules) -> pl.Expr:
    """The org's payor key is another, and it was the source that changed: not a person, nor a column left out."""
    if not rules.writes(PAYOR_KEY_FIELD):
        return pl.lit(False)
    before = pl.col(f"org:{PAYOR_KEY_FIELD}")
    return before.is_not_null() & before.ne_missing(pl.col(PAYOR_KEY_FIELD)) & ~_source_unchanged()


def _source_unchanged() -> pl.Expr:
    """Our hash says that the source's fields are those that we last wrote."""
    return pl.col(f"org:{HASH_FIELD}").eq(pl.col(HASH_FIELD)).fill_null(False)


def _judge(joined: pl.DataFrame, rules: CompareRules) -> pl.DataFrame:
    """Adds action, reason, healed and differing, as the rules on what is sent say."""
    is_new = pl.col("org:Id").is_null()
    differing = [_differs(field) for field in rules.source_fields]
    kept = [_kept_differs(field, rules) for field in KEPT_FIELDS if rules.writes(field)]
    facts = joined.with_columns(
        source_differing=pl.concat_list(differing).list.drop_nulls(),
        kept_differing=pl.concat_list(kept).list.drop_nulls()
        if kept
        else pl.lit([], dtype=pl.List(pl.String)),
        lookup_differs=pl.col("lookup").ne_missing(LEAVE),
        held_by_other=pl.col(f"org:{CUSTOMER_FIELD}").ne(rules.customer).fill_null(False),
        source_unchanged=_source_unchanged(),
        last_by_us=pl.col("org:LastModifiedById").eq(rules.our_user).fill_null(False),
    ).with_columns(differs_at_source=pl.col("source_differing").list.len() > 0)
    by_org_alone = pl.col("differs_at_source") & pl.col("source_unchanged") & ~is_new
    rewritten = (
        by_org_alone
        & pl.col("last_by_us")
        & (pl.col("kept_differing").list.len() == 0)
        & ~pl.col("lookup_differs")
        & ~pl.lit(rules.resend)
    )
    differs = (
        pl.col("differs_at_source") | (pl.col("kept_differing").list.len() > 0) | pl.col("lookup_differs")
    )
    return facts.with_columns(
        action=pl.when(pl.col("held_by_other") | rewritten)
        .then(pl.lit("hold"))
        .when(is_new)
        .then(pl.lit("create"))
        .when(differs | pl.lit(rules.resend))
        .then(pl.lit("update"))
        .otherwise(pl.lit("unchanged")),
        reason=pl.when(pl.col("held_by_other"))
        .then(pl.lit(HoldReason.OTHER_CUSTOMER.value))
        .when(rewritten)
        .then(pl.lit(HoldReason.REWRITTEN_BY_ORG.value)),
        healed=by_org_alone & ~pl.col("last_by_us") & ~pl.col("held_by_other"),
        differing=pl.when(is_new)
        .then(pl.lit([], dtype=pl.List(pl.String)))
        .otherwise(
            pl.concat_list(
                "source_differing",
                "kept_differing",
                pl.when(pl.col("lookup_differs")).then(pl.lit(LOOKUP_FIELD)),
            ).list.drop_nulls()
        ),
        org_id=pl.col("org:Id"),
    )


def _differs(field: str) -> pl.Expr:
    """The field's name where source and org differ, else null."""
    return pl.when(pl.col(field).ne_missing(pl.col(f"org:{field}"))).then(pl.lit(field))


def _kept_differs(field: str, rules: CompareRules) -> pl.Expr:
    ours = pl.lit(rules.customer if field == CUSTOMER_FIELD else None, dtype=pl.String)
    return pl.when(ours.ne_missing(pl.col(f"org:{field}"))).then(pl.lit(field))


def _payload(rules: CompareRules) -> list[pl.Expr]:
    """`send:<field>` for every field that a sent claim carries, in wire form."""
    values: dict[str, pl.Expr] = {field: pl.col(field) for field in rules.source_fields}
    values[KEY_FIELD] = pl.col(KEY_FIELD)
    ours: dict[str, pl.Expr] = {
        CUSTOMER_FIELD: pl.lit(rules.customer),
        MISSING_FIELD: pl.lit(None, dtype=pl.String),
        LOOKUP_FIELD: pl.col("lookup"),
        HASH_FIELD: pl.col(HASH_FIELD),
        "Source_Synced_At__c": pl.lit(wire_instant(rules.synced_at)),
        "Source_As_Of__c": pl.lit(wire_instant(rules.as_of)),
    }
    values.update({field: value for field, value in ours.items() if rules.writes(field)})
    return [value.alias(f"send:{field}") for field, value in values.items()]


def wire_instant(instant: datetime) -> str:
    """A UTC instant as Salesforce takes it, in JSON and Bulk."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def payload_of(decided: pl.DataFrame) -> pl.DataFrame:
    """The payload frame (wire form, one column a Salesforce field) of the claims that are to be sent."""
    names = [name for name in decided.columns if name.startswith("send:")]
    sent = decided.filter(pl.col("action").is_in(["create", "update"]))
    return sent.select(pl.col(name).alias(name.removeprefix("send:")) for name in names)
