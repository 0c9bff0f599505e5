"""Chart of hedging as SVG: the cost of a quote against its time. Pure: numbers in, text out."""

import math
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 90, 60, 50, 60
COLOURS = {"p50": "#1b7f5c", "p95": "#b8860b", "p99": "#a83232"}
MS_MIN, MS_MAX = 5, 10_000
NAMED = "p95"
"""Percentile whose points are labelled with QUOTE_HEDGE: the settings differ most in it."""


@dataclass(frozen=True)
class Point:
    """Measured figures of one setting of QUOTE_HEDGE. `cost`: paid requests per quote; `ms`: times by percentile."""

    hedge: str
    cost: float
    ms: dict[str, float]


def plot(points: list[Point]) -> str:
    """Draws a point for each setting and percentile."""
    most = max(point.cost for point in points)
    ends = (0.95, math.ceil(most * 10 + 0.5) / 10)
    marks = [*_axes(ends)]
    for name, colour in COLOURS.items():
        places = {point.hedge: (_x(point.cost, ends), _y(point.ms[name])) for point in points}
        marks += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{colour}"/>' for x, y in places.values()]
        marks.append(_text(max(x for x, _ in places.values()) + 10, places["off"][1] + 4, name, "start", colour))
        if name == NAMED:
            rightmost = max(places, key=lambda hedge: places[hedge][0])
            for hedge, (x, y) in places.items():
                label = hedge if hedge == "off" else f"{int(hedge):,} ms"
                at_right = hedge == rightmost
                marks.append(_text(x + 9 if at_right else x - 9, y + 4, label, "start" if at_right else "end"))
    body = "\n".join(marks)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="13">\n<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n{body}\n</svg>\n'
    )


def _axes(ends: tuple[float, float]) -> list[str]:
    bottom = HEIGHT - BOTTOM
    marks = [_text(WIDTH / 2, 24, "QUOTE_HEDGE: time until a quote is there, against what it costs", "middle")]
    for ms in (10, 100, 1_000, 10_000):
        marks.append(_line(LEFT, _y(ms), WIDTH - RIGHT, _y(ms)))
        marks.append(_text(LEFT - 8, _y(ms) + 4, f"{ms:,} ms", "end"))
    for tenths in range(math.ceil(ends[0] * 10), round(ends[1] * 10) + 1):
        x = _x(tenths / 10, ends)
        marks.append(_line(x, TOP, x, bottom))
        marks.append(_text(x, bottom + 18, f"{tenths / 10:.1f}", "middle"))
    marks.append(_text(WIDTH / 2, HEIGHT - 14, "paid requests per quote", "middle"))
    return marks


def _x(cost: float, ends: tuple[float, float]) -> float:
    return LEFT + (cost - ends[0]) / (ends[1] - ends[0]) * (WIDTH - LEFT - RIGHT)


def _y(ms: float) -> float:
    share = (math.log10(ms) - math.log10(MS_MIN)) / (math.log10(MS_MAX) - math.log10(MS_MIN))
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#ddd"/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{text}</text>'
