"""Picture: the last syncs as bars, drawn as SVG that stands in the page, without a script.

What belongs here: drawing. Not here: the numbers (`facts`), which the page lists beside it for who cannot see it.
"""

import re
import sys
from collections.abc import Sequence

from claims_pipeline.clients.sync_state import PastSync

_SCRIPT = re.compile(r"<script.*?</script>|<!--.*?-->", re.DOTALL)
SERIES = {"rejected_rows": "report rows rejected", "refused": "claims refused", "held": "claims held back"}
"""Count in the state -> what it says."""
COLOURS = ("#b35900", "#a4243b", "#2f6db5")


def trend(history: Sequence[PastSync]) -> str:
    """The last syncs from left to right: what did not arrive. `history`: the newest first."""
    import pygal
    from pygal.style import Style

    _forget_its_finder()
    style = Style(
        background="transparent",
        plot_background="transparent",
        foreground="var(--ink)",
        foreground_strong="var(--ink)",
        foreground_subtle="var(--faint)",
        guide_stroke_color="var(--faint)",
        major_guide_stroke_color="var(--faint)",
        colors=COLOURS,
        opacity="1",
        opacity_hover="1",
        font_family="inherit",
        label_font_size=13,
        major_label_font_size=13,
        legend_font_size=14,
        transition="none",
    )
    chart = pygal.StackedBar(
        style=style,
        js=(),
        width=900,
        height=300,
        legend_at_bottom=True,
        legend_at_bottom_columns=3,
        show_y_guides=True,
        disable_xml_declaration=True,
        explicit_size=False,
        x_label_rotation=35,
        min_scale=1,
        max_scale=6,
        value_formatter=lambda count: f"{count:,.0f}",
    )
    chart.uuid = "trend"
    syncs = list(reversed(history))
    chart.x_labels = [f"{each.committed_at:%d %b}" for each in syncs]
    for name, words in SERIES.items():
        chart.add(words, [each.counts.get(name, 0) for each in syncs])
    return _SCRIPT.sub("", chart.render(is_unicode=True))


def _forget_its_finder() -> None:
    """Pygal, once imported, answers for every later import in a way that Python 3.12 dropped; only its maps need it."""
    sys.meta_path[:] = [each for each in sys.meta_path if type(each).__module__ != "pygal"]
