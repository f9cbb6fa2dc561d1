// The four pages and how one moves between them.
import { get } from "./api.js";
import { complain, h, put } from "./dom.js";
import { graphPage } from "./graph.js";
import { listenPage } from "./listen.js";
import { runsPage } from "./runs.js";
import { shelfPage } from "./shelf.js";
import "./studio.css";
import "uplot/dist/uPlot.min.css";

const PAGES = [
  ["graph", "Graph", graphPage],
  ["listen", "Listen", listenPage],
  ["runs", "Runs", runsPage],
  ["bricks", "Bricks and models", shelfPage],
];

const main = document.getElementById("main");
const tabs = document.getElementById("tabs");
const made = {};
const studio = { start: {}, show, open: {} };

function show(name) {
  for (const [page, , make] of PAGES) {
    const tab = document.getElementById(`tab-${page}`);
    const here = page === name;
    tab.setAttribute("aria-selected", String(here));
    tab.tabIndex = here ? 0 : -1;
    if (here && !made[page]) {
      made[page] = h("section.page", { id: `page-${page}`, role: "tabpanel", "aria-labelledby": `tab-${page}` });
      main.append(made[page]);
      studio.open[page] = make(made[page], studio) ?? {};
    }
    if (made[page]) made[page].hidden = !here;
  }
  location.hash = name;
  studio.open[name]?.shown?.();
}

function keys(event) {
  const names = PAGES.map(([name]) => name);
  const at = names.indexOf(location.hash.slice(1));
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const next = names[(at + step + names.length) % names.length];
  show(next);
  document.getElementById(`tab-${next}`).focus();
}

function theme() {
  const root = document.documentElement;
  const kept = localStorage.getItem("theme");
  if (kept) root.dataset.theme = kept;
  document.getElementById("theme").addEventListener("click", () => {
    const dark = getComputedStyle(root).getPropertyValue("--dark").trim() === "1";
    root.dataset.theme = dark ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    dispatchEvent(new Event("theme"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dispatchEvent(new Event("theme")));
}

async function begin() {
  theme();
  put(
    tabs,
    PAGES.map(([name, title]) =>
      h("button", { id: `tab-${name}`, type: "button", role: "tab", "aria-controls": `page-${name}`, onclick: () => show(name), onkeydown: keys }, title),
    ),
  );
  studio.start = await get("/api/start");
  const asked = location.hash.slice(1);
  const first = studio.start.run ? "runs" : "graph";
  show(PAGES.some(([name]) => name === asked) ? asked : first);
}

begin().catch(complain);
