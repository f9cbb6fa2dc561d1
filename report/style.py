"""How a report looks, and the few lines of script that sort its tables and copy its command."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --ink: #1d2327; --soft: #5b6670; --line: #d9dee3; --page: #fbfbfa; --card: #fff;
  --accent: #1b7837; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8ea; --soft: #a3adb6; --line: #3a4148; --page: #16191c;
  --card: #1f2428; --accent: #7fc796; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI",
  Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
header p { color: var(--soft); margin: .2rem 0 0; font-size: 1.05rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; margin: 2.8rem 0 .9rem; padding-bottom: .35rem; border-bottom: 1px solid var(--line); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .8rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .9rem 1.1rem; }
.card b { display: block; font-size: 1.9rem; line-height: 1.1; font-variant-numeric: tabular-nums; }
.card:first-child b { color: var(--accent); }
.card span { color: var(--soft); font-size: .9rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.4rem; margin: 1.3rem 0 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; margin: .8rem 0; }
.wide img { display: block; max-width: none; background: #fff; border-radius: .4rem; }
.wide svg { display: block; background: #fff; border-radius: .4rem; max-width: 100%; height: auto; }
figure { margin: 0 0 2rem; } figcaption { color: var(--soft); font-size: .92rem; }
table { border-collapse: collapse; font-size: .86rem; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: .35rem .7rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--page); font-weight: 500; }
thead th { color: var(--soft); font-weight: 600; cursor: pointer; user-select: none; }
tfoot th, tfoot td { font-weight: 700; border-bottom: 0; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .9rem 1.1rem;
  overflow-x: auto; font: .82rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; margin: 0; }
.command { display: flex; gap: .6rem; align-items: stretch; } .command pre { flex: 1; }
button { font: inherit; border: 1px solid var(--line); border-radius: .5rem; background: var(--card);
  color: var(--ink); padding: 0 1rem; cursor: pointer; }
@media print { body { background: #fff; } button { display: none; } section { break-inside: avoid; } }
"""

SCRIPT = """
document.querySelectorAll("thead th").forEach(head => head.addEventListener("click", () => {
  const body = head.closest("table").tBodies[0], column = head.cellIndex, up = head.dataset.up !== "1";
  const value = row => { const text = row.cells[column].textContent, number = parseFloat(text.replace(/,/g, ""));
    return isNaN(number) || /^[(]/.test(text) ? text : number; };
  head.dataset.up = up ? "1" : "0";
  [...body.rows].sort((a, b) => { const x = value(a), y = value(b);
    return (x > y ? 1 : x < y ? -1 : 0) * (up ? 1 : -1); }).forEach(row => body.append(row));
}));
document.querySelectorAll(".command button").forEach(button => button.addEventListener("click", () => {
  const text = button.previousElementSibling.textContent;
  navigator.clipboard.writeText(text).then(() => { button.textContent = "copied"; });
}));
"""
