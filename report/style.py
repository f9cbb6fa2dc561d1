"""How a page looks, and the few lines of script that sort its tables and copy its command."""

from __future__ import annotations

from ..plots.palette import font_stack, variables

# The tones and the fonts, which every page has.
ROOT = f"""
:root {{ color-scheme: light dark; {variables("light")} }}
@media (prefers-color-scheme: dark) {{ :root {{ {variables("dark")} }} }}
@media print {{ :root {{ color-scheme: light; {variables("light")} --page: #fff; }} }}
body {{ font: 16px/1.55 {font_stack()}; }}
"""

_RULES = """
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); overflow-wrap: anywhere; }
main { max-width: 76rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
header p { color: var(--soft); margin: .2rem 0 0; font-size: 1.05rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; margin: 2.8rem 0 .9rem; padding-bottom: .35rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 0 0 .5rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr)); gap: .8rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .9rem 1.1rem; }
.card b { display: block; font-size: 1.75rem; line-height: 1.1; font-variant-numeric: tabular-nums; }
.card:first-child b { color: var(--accent); }
.card span { color: var(--soft); font-size: .9rem; }
dl { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .3rem 1.4rem; margin: 1.3rem 0 0; }
dt { color: var(--soft); } dd { margin: 0; min-width: 0; }
.wide { overflow-x: auto; margin: .8rem 0; overflow-wrap: normal; }
.listing { max-height: 34rem; overflow: auto; border-bottom: 1px solid var(--line);
  background: linear-gradient(var(--page), var(--page)) local bottom / 100% 2rem no-repeat,
    linear-gradient(transparent, var(--line)) scroll bottom / 100% 1.2rem no-repeat; }
.listing thead th { position: sticky; top: 0; background: var(--page); z-index: 1; }
.listing thead th:first-child { z-index: 2; }
.listing tfoot > tr > * { position: sticky; bottom: 0; background: var(--page); }
.plot { display: block; max-width: 100%; height: auto; fill: var(--ink); }
.plot * { stroke-linejoin: round; stroke-linecap: butt; }
.plot.long { max-width: none; }
.drawing > svg { display: block; max-width: none; margin: 0 auto; border-radius: .4rem; }
figure { margin: 0 0 2rem; } figcaption, .caption { color: var(--soft); font-size: .92rem; }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: .35rem .7rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--page); font-weight: 500; }
thead th { color: var(--soft); font-weight: 600; cursor: pointer; user-select: none; }
th[aria-sort=ascending]::after { content: " ▴"; } th[aria-sort=descending]::after { content: " ▾"; }
tbody tr:hover > * { background: var(--card); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
tfoot th, tfoot td { font-weight: 700; border-bottom: 0; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .9rem 1.1rem;
  overflow-x: auto; font: .82rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; margin: 0; }
.command { display: flex; gap: .6rem; align-items: stretch; } .command pre { flex: 1; min-width: 0; }
button { font: inherit; border: 1px solid var(--line); border-radius: .5rem; background: var(--card);
  color: var(--ink); padding: 0 1rem; cursor: pointer; }
@media (max-width: 40rem) { main { padding: 1.5rem .9rem 3rem; } h1 { font-size: 1.5rem; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin: 0 0 .6rem; }
  .cards { grid-template-columns: repeat(2, minmax(0, 1fr)); } .card b { font-size: 1.4rem; }
  .case dl { grid-template-columns: 5rem 1fr; } .case dd { margin: 0; }
  .plot.broad { width: 44rem; max-width: none; }
  .command { flex-direction: column; } button { padding: .6rem 1rem; } }
@media print { button, audio { display: none !important; } main { max-width: none; padding: 0; }
  figure, .card, tr, .case { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .wide, .listing { overflow: visible; max-height: none; background: none; border: 0; }
  .listing thead th { position: static; }
  .plot, .plot.long, .plot.broad, .drawing > svg { width: auto; max-width: 100%; height: auto; max-height: 24cm; }
  pre { white-space: pre-wrap; } table { font-size: .58rem; white-space: normal; } th, td { padding: .2rem .3rem; }
  thead th { overflow-wrap: anywhere; font-size: .5rem; }
  .listing tfoot > tr > *, th:first-child { position: static; } }
"""

STYLE = ROOT + _RULES

SCRIPT = """
document.querySelectorAll("thead th").forEach(head => {
  const sort = () => {
    const body = head.closest("table").tBodies[0], column = head.cellIndex;
    const down = head.getAttribute("aria-sort") === "ascending";
    const value = row => { const text = row.cells[column].textContent, number = Number(text.replace(/,/g, ""));
      return text === "" || isNaN(number) ? text : number; };
    head.parentNode.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    [...body.rows].sort((a, b) => { const x = value(a), y = value(b);
      return (x > y ? 1 : x < y ? -1 : 0) * (down ? -1 : 1); }).forEach(row => body.append(row));
  };
  head.tabIndex = 0;
  head.title = "sort";
  head.addEventListener("click", sort);
  head.addEventListener("keydown", event => { if (event.key === "Enter") sort(); });
});
document.querySelectorAll(".command button").forEach(button => button.addEventListener("click", () => {
  const command = button.previousElementSibling;
  const done = () => { button.textContent = "copied"; };
  // A page from a file may not write the clipboard itself: the words are marked, and the browser copies what is marked.
  const mark = () => { getSelection().selectAllChildren(command); if (document.execCommand("copy")) done(); };
  navigator.clipboard ? navigator.clipboard.writeText(command.textContent).then(done, mark) : mark();
}));
// One sound at a time: a truth under its estimate would be heard as both.
document.addEventListener("play", event => document.querySelectorAll("audio").forEach(other => {
  if (other !== event.target) other.pause();
}), true);
"""
