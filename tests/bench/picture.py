"""Draws panels of bars and of lines as SVG, without any library.

An axis is logarithmic where its values span more than a factor of 30, else linear from zero.
"""

import html
import math

INK, FAINT, GRID, GROUND = "#24292f", "#57606a", "#d8dee4", "#fbfbfa"
OF_BARS = ["#0072b2", "#7fc0ea", "#d9820f", "#2f9e74"]
OF_LINES = ["#0072b2", "#c46f00", "#2b8a63", "#a8437f", "#6b5b4a", "#5a5ad0"]
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
SPAN_OF_LOGARITHM = 30
LABEL_DISTANCE = 14
THICK, GAP = 13, 12  # of bars, and between their groups


class Picture:
    def __init__(self, width, height, title, below):
        self.width, self.height = width, height
        self.parts = []
        self.rectangle(0.5, 0.5, width - 1, height - 1, GROUND, radius=8, edge=GRID)
        self.text(24, 36, title, size=18, weight=600)
        for i, line in enumerate(below):
            self.text(24, 57 + 17 * i, line, colour=FAINT)

    def text(self, x, y, text, size=12, anchor="start", weight=400, colour=INK):
        self.parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" font-weight="{weight}" '
            f'fill="{colour}">{html.escape(text, quote=False)}</text>'
        )

    def line(self, x1, y1, x2, y2, colour=GRID, width=1):
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"/>'
        )

    def rectangle(self, x, y, width, height, colour, radius=0, edge="none"):
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius}" fill="{colour}" '
            f'stroke="{edge}"/>'
        )

    def curve(self, points, colour):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y in points:
            self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')

    def legend(self, x, y, names):
        for i, name in enumerate(names):
            self.rectangle(x, y - 10, 11, 11, OF_BARS[i], radius=2)
            self.text(x + 17, y, name)
            x += 34 + 6.6 * len(name)

    def save(self, file):
        with open(file, "w", encoding="utf-8") as out:
            out.write(
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
                f'width="{self.width}" height="{self.height}" font-family="{FONT}">\n'
            )
            out.write("\n".join(self.parts) + "\n</svg>\n")


class Axis:
    """From a value to its place between the pixels `start` and `end`."""

    def __init__(self, values, start, end):
        low, high = min(v for v in values if v > 0), max(values)
        self.start, self.end = start, end
        self.logarithmic = high / low > SPAN_OF_LOGARITHM
        if self.logarithmic:
            self.low, self.high = math.floor(math.log10(low)), math.ceil(math.log10(high))
            self.ticks = [10.0**n for n in range(self.low, self.high + 1)]
        else:
            step = 10 ** math.floor(math.log10(high))
            step = next(step * part for part in (0.1, 0.2, 0.25, 0.5, 1, 2) if high / (step * part) <= 5)
            self.low, self.high = 0, step * math.ceil(high / step)
            self.ticks = [step * n for n in range(round(self.high / step) + 1)]

    def place(self, value):
        if self.logarithmic:
            value = math.log10(max(value, 10.0**self.low))
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)


def short(number):
    """1.5k, 20M, 0.42"""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if number >= size:
            return rounded(number / size) + letter
    return rounded(number)


def rounded(number):
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}" if number >= 0.01 else f"{number:.1g}"


def bars(picture, x, y, width, title, groups):
    """A panel of bars that lie: `groups` has (label, values), a value for each series or None. It is `height_of_bars` tall."""
    left, head = 220, 30
    values = [value for _, group in groups for value in group if value is not None]
    axis = Axis(values, x + left, x + width - 60)
    tall = sum(THICK * len(group) + GAP for _, group in groups)
    picture.text(x, y + 12, title + (" (logarithmic)" if axis.logarithmic else ""), size=13, weight=600)
    for tick in axis.ticks:
        picture.line(axis.place(tick), y + head - 6, axis.place(tick), y + head + tall - 4)
        picture.text(axis.place(tick), y + head + tall + 10, short(tick), size=11, anchor="middle", colour=FAINT)
    at = y + head
    for label, group in groups:
        picture.text(x + left - 10, at + THICK * len(group) / 2 + 4, label, anchor="end")
        for i, value in enumerate(group):
            if value is None:
                picture.text(x + left + 4, at + 10, "not measured", size=11, colour=FAINT)
            else:
                picture.rectangle(x + left, at, axis.place(value) - x - left, THICK - 2, OF_BARS[i])
                picture.text(axis.place(value) + 5, at + 10, short(value), size=11)
            at += THICK
        at += GAP


def height_of_bars(groups):
    return 64 + sum(THICK * len(group) + GAP for _, group in groups)


def lines(picture, x, y, width, height, title, across, series):
    """A panel of curves: `across` are the values of all points' x, in even steps; `series` has (name, values)."""
    left, right, head, foot = 44, 128, 26, 38
    up = Axis([value for _, values in series for value in values if value is not None], y + height - foot, y + head)
    picture.text(x, y + 8, title + (" (logarithmic)" if up.logarithmic else ""), size=13, weight=600)
    for tick in up.ticks:
        picture.line(x + left, up.place(tick), x + width - right, up.place(tick))
        picture.text(x + left - 7, up.place(tick) + 4, short(tick), size=11, anchor="end", colour=FAINT)
    step = (width - left - right - 24) / max(1, len(across) - 1)
    places = [x + left + 12 + i * step for i in range(len(across))]
    for place, value in zip(places, across):
        picture.text(place, y + height - foot + 17, short(value), size=11, anchor="middle", colour=FAINT)
    labels = []
    for i, (name, values) in enumerate(series):
        points = [(place, up.place(value)) for place, value in zip(places, values) if value is not None]
        picture.curve(points, OF_LINES[i])
        labels.append([points[-1][1], name, OF_LINES[i]])
    labels.sort()
    for i in range(1, len(labels)):
        labels[i][0] = max(labels[i][0], labels[i - 1][0] + LABEL_DISTANCE)
    for i, label in enumerate(reversed(labels)):  # none below the axis: those above make room
        label[0] = min(label[0], up.start - LABEL_DISTANCE * i)
    for at, name, colour in labels:
        picture.text(x + width - right + 8, at + 4, name, colour=colour, weight=600)
