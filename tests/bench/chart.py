# SPDX-License-Identifier: ISC
"""chart.py - a chart with two logarithmic axes as SVG, by itself.

    chart = Chart("Memory", "devices", "megabytes")
    chart.line("Godwit", [(1000, 30), (10000, 210)], "#1a6fb5")
    chart.line("Dovecot", [(1000, 600)], "#c0392b", dashed=True)
    with open("x.svg", "w") as f:
        f.write(chart.svg())
"""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 440
LEFT, RIGHT, TOP, BOTTOM = 72, 200, 44, 56
FONT = 'font-family="sans-serif"'


def nice(v):
    """1500 -> "1,500", 0.25 -> "0.25"."""
    return "{:,.0f}".format(v) if v >= 1 else "{:g}".format(v)


class Chart:
    def __init__(self, title, x_name, y_name):
        self.title, self.x_name, self.y_name = title, x_name, y_name
        self.lines = []

    def line(self, name, points, color, dashed=False):
        points = [(x, y) for x, y in points if x and y and x > 0 and y > 0]
        if points:
            self.lines.append((name, sorted(points), color, dashed))

    @staticmethod
    def _range(values):
        """Whole decades around the values."""
        low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        return low, max(high, low + 1)

    def svg(self):
        xs = [x for _, points, _, _ in self.lines for x, _ in points]
        ys = [y for _, points, _, _ in self.lines for _, y in points]
        x0, x1 = self._range(xs)
        y0, y1 = self._range(ys)
        right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM

        def at_x(v):
            return LEFT + (math.log10(v) - x0) / (x1 - x0) * (right - LEFT)

        def at_y(v):
            return bottom - (math.log10(v) - y0) / (y1 - y0) * (bottom - TOP)

        out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d">'
               % (WIDTH, HEIGHT, WIDTH, HEIGHT),
               '<title>%s</title>' % escape(self.title),
               '<rect width="100%" height="100%" fill="#ffffff"/>',
               '<text x="%d" y="24" %s font-size="15" fill="#222222">%s</text>' % (LEFT, FONT, escape(self.title))]
        for d in range(x0, x1 + 1):
            x = at_x(10 ** d)
            out.append('<path d="M%.1f %d V%d" stroke="#dddddd" fill="none"/>' % (x, TOP, bottom))
            out.append('<text x="%.1f" y="%d" %s font-size="12" fill="#444444" text-anchor="middle">%s</text>'
                       % (x, bottom + 18, FONT, nice(10 ** d)))
        for d in range(y0, y1 + 1):
            y = at_y(10 ** d)
            out.append('<path d="M%d %.1f H%d" stroke="#dddddd" fill="none"/>' % (LEFT, y, right))
            out.append('<text x="%d" y="%.1f" %s font-size="12" fill="#444444" text-anchor="end">%s</text>'
                       % (LEFT - 8, y + 4, FONT, nice(10 ** d)))
        out.append('<path d="M%d %d V%d H%d" stroke="#444444" fill="none"/>' % (LEFT, TOP, bottom, right))
        out.append('<text x="%.1f" y="%d" %s font-size="13" fill="#222222" text-anchor="middle">%s</text>'
                   % ((LEFT + right) / 2, HEIGHT - 12, FONT, escape(self.x_name)))
        out.append('<text transform="translate(18 %.1f) rotate(-90)" %s font-size="13" fill="#222222" '
                   'text-anchor="middle">%s</text>' % ((TOP + bottom) / 2, FONT, escape(self.y_name)))
        for i, (name, points, color, dashed) in enumerate(self.lines):
            dash = ' stroke-dasharray="6 4"' if dashed else ""
            path = " ".join("%s%.1f %.1f" % ("L" if j else "M", at_x(x), at_y(y)) for j, (x, y) in enumerate(points))
            out.append('<path d="%s" stroke="%s" stroke-width="2" fill="none"%s/>' % (path, color, dash))
            out += ['<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>' % (at_x(x), at_y(y), color) for x, y in points]
            y = TOP + 10 + i * 20
            out.append('<path d="M%d %d h24" stroke="%s" stroke-width="2" fill="none"%s/>' % (right + 14, y, color, dash))
            out.append('<text x="%d" y="%d" %s font-size="12" fill="#222222">%s</text>'
                       % (right + 44, y + 4, FONT, escape(name)))
        out.append("</svg>\n")
        return "\n".join(out)
