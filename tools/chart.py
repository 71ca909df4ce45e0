#!/usr/bin/env python3
"""Draws what `make bench` measured: chart.py SUMMARY.json CHART.svg

One bar a row: how many times better than the peer, on a log scale, to the right of 1 if it is better and to
the left if not. The goal says which way is better: "<= N" where less is, ">= N" where more is.
"""

import json
import math
import re
import sys
from html import escape

WIDTH, TOP, ROW, BOTTOM = 880, 70, 44, 16
LEFT, RIGHT = 330, 780  # of the plot; names are left of it, figures right
STYLE = """
  text { font: 13px -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; fill: #1f2328 }
  .card { fill: #ffffff; stroke: #d1d9e0 } .title { font-size: 15px; font-weight: 600 }
  .strong { font-weight: 600 } .small { font-size: 11px; fill: #59636e }
  .end { text-anchor: end } .middle { text-anchor: middle }
  .grid { stroke: #d1d9e0 } .one { stroke: #59636e } .goal { stroke: #1f2328; stroke-width: 2 }
  .met { fill: #2da44e } .missed { fill: #d4761a }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .card { fill: #0d1117; stroke: #3d444d } .small { fill: #9198a1 }
    .grid { stroke: #3d444d } .one { stroke: #9198a1 } .goal { stroke: #f0f6fc }
    .met { fill: #3fb950 } .missed { fill: #db8b34 }
  }
"""


def times_better(row):
    """How many times better ours is, and how many it should be."""
    goal = re.fullmatch(r"(<=|>=) ([\d.]+)", row["goal"])
    if not goal or min(row["ours"], row["theirs"]) <= 0:
        sys.exit(f'{row["name"]}: need figures above 0, and a goal such as "<= 1.5" or ">= 0.8": {row}')
    if goal[1] == "<=":
        return row["theirs"] / row["ours"], 1 / float(goal[2])
    return row["ours"] / row["theirs"], float(goal[2])


def number(value):
    """Three digits, or as many as a whole number has."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def chart(rows):
    bars = [times_better(row) for row in rows]
    # Whole powers of 2 around everything, and around 1.
    low = math.floor(math.log2(min([0.5, *(min(bar) for bar in bars)])))
    high = math.ceil(math.log2(max([2, *(max(bar) for bar in bars)])))
    height = TOP + ROW * len(rows) + BOTTOM

    def x(times):
        return LEFT + (RIGHT - LEFT) * (math.log2(times) - low) / (high - low)

    def text(at, y, kind, words):
        return f'<text x="{at:.1f}" y="{y}" class="{kind}">{escape(words)}</text>'

    def line(at, top, bottom, kind):
        return f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{top}" y2="{bottom}" class="{kind}"/>'

    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img">'
    yield f"<title>libflow's speed beside its peers'</title><style>{STYLE}</style>"
    # A card of its own colour: legible on a page of either theme, whatever the browser thinks it is.
    yield f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="6" class="card"/>'
    yield text(20, 30, "title", "Times better than the peer")
    yield text(20, 50, "small", "log scale; a tick is the goal")
    every = math.ceil((high - low) / 8)  # room for the labels
    for power in range(low, high + 1):
        if power % every == 0:
            yield line(x(2**power), TOP - 12, height - BOTTOM, "one" if power == 0 else "grid")
            yield text(x(2**power), TOP - 20, "small middle", f"{2.0**power:g}×")
    for i, (row, (times, goal)) in enumerate(zip(rows, bars)):
        y = TOP + ROW * i
        figures = f'{number(row["ours"])} {row["unit"]}; {row["peer"]} {number(row["theirs"])}'
        yield text(20, y + 14, "strong", row["name"])
        yield text(20, y + 30, "small", figures)
        begin, width = min(x(1), x(times)), abs(x(times) - x(1))
        kind = "met" if times >= goal else "missed"
        yield f'<rect x="{begin:.1f}" y="{y + 6}" width="{width:.1f}" height="20" class="{kind}"/>'
        yield line(x(goal), y + 1, y + 31, "goal")
        yield text(WIDTH - 20, y + 14, "strong end", f"{times:.2f}×")
        yield text(WIDTH - 20, y + 30, "small end", f"goal {goal:.2f}×")
    yield "</svg>\n"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as summary:
        rows = json.load(summary)
    with open(sys.argv[2], "w", encoding="utf-8") as svg:
        svg.write("\n".join(chart(rows)))
    print(f"  {len(rows)} rows drawn in {sys.argv[2]}")


main()
