"""The picture of the last syncs: plain SVG that stands in a page, the newest sync last."""

import re
import xml.etree.ElementTree as ElementTree
from datetime import UTC, datetime, timedelta

from claims_pipeline.clients.sync_state import PastSync
from claims_pipeline.reporting.picture import SERIES, trend

FIRST_DAY = datetime(2026, 3, 1, tzinfo=UTC)


def past(day: int, refused: int) -> PastSync:
    counts = {"refused": refused, "held": 1, "rejected_rows": 2}
    return PastSync(day, FIRST_DAY + timedelta(days=day), 100, 90, 10, counts, {})


def test_it_is_svg_without_script_or_anything_from_elsewhere_and_tells_every_sync() -> None:
    drawn = trend([past(day, refused=7000 + day) for day in reversed(range(20))])
    assert drawn == trend([past(day, refused=7000 + day) for day in reversed(range(20))])
    root = ElementTree.fromstring(drawn)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "<script" not in drawn
    assert set(re.findall(r"https?://[^\"' )]+", drawn)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert [name for name in SERIES.values() if name not in drawn] == []
    told = re.findall(r"7,0\d\d", drawn)
    assert list(dict.fromkeys(told)) == [f"{7000 + day:,}" for day in range(20)]


def test_days_on_which_all_arrived_can_be_drawn() -> None:
    clean = [PastSync(day, FIRST_DAY, 0, 0, 0, {}, {}) for day in range(2)]
    assert trend(clean).startswith("<svg")
