"""The growth curves of docs/performance.md, drawn from what `make bench` kept.

python -m bench.picture [bench/figures.json] [docs/pictures/growth.svg]
"""

import json
import re
import sys
from collections import defaultdict
from pathlib import Path

import pygal
from pygal.style import CleanStyle

_SCRIPT = re.compile(r"<script.*?</script>", re.DOTALL)
CURVES = {"memory, command line": "memory, MiB", "time": "time, s", "API calls": "API calls"}


def main(kept: Path, picture: Path) -> int:
    """Draw first loads by their size: memory, time and API calls, both axes logarithmic."""
    points: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for figure in json.loads(kept.read_text())["figures"]:
        found = re.fullmatch(r"first load, ([\d,]+) claims", figure["work"])
        if found and figure["name"] in CURVES:
            points[CURVES[figure["name"]]].append((int(found[1].replace(",", "")), figure["value"]))
    chart = pygal.XY(
        title="First load: what grows with the claims",
        x_title="claims",
        logarithmic=True,
        xrange=(5_000, 2_000_000),
        x_labels=[7_000, 70_000, 700_000, 1_400_000],
        x_value_formatter=lambda claims: f"{claims:,.0f}",
        style=CleanStyle,
        js=(),
        no_prefix=True,
        width=760,
        height=460,
    )
    for name, found_points in points.items():
        chart.add(name, sorted(found_points))
    picture.parent.mkdir(parents=True, exist_ok=True)
    drawn = chart.render(is_unicode=True)
    picture.write_text(_SCRIPT.sub("", drawn))
    print(f"{picture}: {', '.join(points)}")
    return 0


if __name__ == "__main__":
    given = [Path(each) for each in sys.argv[1:]]
    defaults = [Path("bench/figures.json"), Path("docs/pictures/growth.svg")]
    sys.exit(main(*(given + defaults[len(given) :])))
