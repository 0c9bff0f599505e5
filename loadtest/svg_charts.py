"""Charts as SVG text for the HTML report: lines over time, and bars. No scripts, no fonts, no files from elsewhere."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 720, 220
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 28
TICKS = 4


def line_chart(values: Sequence[float], step_seconds: float, unit: str, earlier: float | None = None) -> str:
    """Draws values over time. `earlier`: a level of an earlier run, drawn as a dashed line."""
    top = _rounded_up(max([*values, earlier or 0.0, 1.0]))
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    steps = max(1, len(values) - 1)
    points = " ".join(
        f"{LEFT + width * number / steps:.1f},{TOP + height * (1 - value / top):.1f}"
        for number, value in enumerate(values)
    )
    seconds = step_seconds * len(values)
    marks = [_text(LEFT + width * n / TICKS, HEIGHT - 8, f"{seconds * n / TICKS:.3g} s") for n in range(TICKS + 1)]
    dashed = ""
    if earlier is not None:
        y = TOP + height * (1 - earlier / top)
        dashed = f'<line class="earlier" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return _svg(f'{_grid(top, unit)}{"".join(marks)}{dashed}<polyline class="values" points="{points}"/>')


def bar_chart(values: Mapping[str, float], unit: str) -> str:
    """Draws a bar for each value, with its name below and its number above."""
    top = _rounded_up(max([*values.values(), 1.0]))
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    each = width / max(1, len(values))
    bars = []
    for number, (name, value) in enumerate(values.items()):
        x, tall = LEFT + each * number, height * value / top
        bars.append(
            f'<rect class="bar" x="{x + each * 0.15:.1f}" y="{TOP + height - tall:.1f}" width="{each * 0.7:.1f}"'
            f' height="{tall:.1f}"><title>{escape(name)}: {value:,.4g} {escape(unit)}</title></rect>'
        )
        bars.append(_text(x + each / 2, HEIGHT - 8, name))
    return _svg(_grid(top, unit) + "".join(bars))


def _grid(top: float, unit: str) -> str:
    height = HEIGHT - TOP - BOTTOM
    parts = []
    for number in range(TICKS + 1):
        y = TOP + height * (1 - number / TICKS)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        label = f"{top * number / TICKS:,.4g}" if top < 10_000 else f"{top * number / TICKS:,.0f}"
        parts.append(_text(LEFT - 6, y + 4, label, "end"))
    parts.append(_text(LEFT + 4, TOP + 10, unit, "start"))
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(inside: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{inside}</svg>'


def _rounded_up(value: float) -> float:
    size = 10.0 ** (len(f"{int(value)}") - 1)
    return next(size * factor for factor in (1, 2, 2.5, 4, 5, 8, 10, 20) if size * factor >= value)
