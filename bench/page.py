"""The figures as one self-contained page: a table, and for each figure a bar a proxy."""
import html
from datetime import date

from figures import bar_text, compared_text, rows, verdict

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em;
       color: #1d2430; background: #fff }
h1 { font-size: 1.5em; margin-bottom: 0 }
p { color: #566; margin-top: .3em }
table { border-collapse: collapse; width: 100% }
td, th { padding: .35em .6em; border-bottom: 1px solid #e3e6ea; text-align: left;
         vertical-align: middle }
th { font-weight: 600 } td.n { text-align: right; white-space: nowrap }
svg text { font: 12px system-ui, sans-serif; fill: currentColor }
.weir { fill: #1668c7 } .nginx { fill: #9aa4b1 } .haproxy { fill: #c4cad2 }
.met { color: #14713d } .short { color: #b3261e } .met, .short { font-weight: 600 }
@media (prefers-color-scheme: dark) {
  body { color: #dfe4ea; background: #14181d } p { color: #9aa }
  td, th { border-color: #2b323b } .weir { fill: #5aa2f0 }
  .nginx { fill: #76808c } .haproxy { fill: #525b66 }
  .met { color: #5fce8f } .short { color: #ff8a80 }
}
"""
WIDTH, LINE, NAME_WIDTH, VALUE_WIDTH = 430, 17, 62, 80


def bars(found, names):
    """One bar a proxy; a whisker from the least to the most of its samples."""
    shown = [n for n in names if n in found.values]
    most = max((max(found.samples[n]) for n in shown), default=0) or 1
    room = WIDTH - NAME_WIDTH - VALUE_WIDTH
    parts = []
    for line, name in enumerate(shown):
        value, y = found.values[name], line * LINE
        least, top = (NAME_WIDTH + max(0, v) / most * room
                      for v in (min(found.samples[name]), max(found.samples[name])))
        text = f"{value:,.{found.figure.digits}f}"
        parts.append(
            f'<text x="0" y="{y + 12}">{name}</text>'
            f'<rect class="{name}" x="{NAME_WIDTH}" y="{y + 2}" height="{LINE - 5}" '
            f'width="{max(1, max(0, value) / most * room):.1f}"/>'
            f'<path d="M{least:.1f} {y + 8}H{top:.1f}" stroke="currentColor"/>'
            f'<text x="{top + 6:.1f}" y="{y + 12}">{text}</text>')
    label = html.escape(f"{found.figure.title}: " +
                        ", ".join(f"{n} {found.values[n]:.4g}" for n in shown))
    return (f'<svg role="img" aria-label="{label}" width="{WIDTH}" height="{len(shown) * LINE}" '
            f'viewBox="0 0 {WIDTH} {len(shown) * LINE}">{"".join(parts)}</svg>')


def page(samples, names, versions, conditions):
    lines = []
    for found in rows(samples):
        figure, word = found.figure, verdict(found)
        title = figure.title + (f", {figure.unit}" if figure.unit else "")
        lines.append(f"<tr><td>{html.escape(title)}</td><td>{bars(found, names)}</td>"
                     f'<td class="n">{compared_text(found)}</td>'
                     f'<td class="n">{html.escape(bar_text(figure))}</td>'
                     f'<td class="{word}">{word}</td></tr>')
    who = ", ".join(f"{name} {versions[name]}" for name in names)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>weir side by side</title><style>{STYLE}</style></head><body>
<h1>weir side by side</h1>
<p>{html.escape(who)}. {html.escape(conditions)} {date.today()}.
Medians; the line through a bar goes from its least to its most sample.</p>
<table><tr><th>figure</th><th></th><th>ratio</th><th>bar</th><th></th></tr>
{chr(10).join(lines)}
</table></body></html>
"""
