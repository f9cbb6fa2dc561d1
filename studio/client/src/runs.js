// The page of runs: a table that grows while a model trains, and two to five runs beside one another.
import uPlot from "uplot";
import { get, post } from "./api.js";
import { COLOURS, complain, h, nameOf, put, shortened, ticked } from "./dom.js";

const MOST = 5;
const AGAIN_MS = 3000;

export function runsPage(page, studio) {
  const now = { rows: [], chosen: new Set(studio.start.run ? [studio.start.run] : []), curves: {}, source: null, asked: 0, due: false };
  const table = h("div.table", { id: "runs" });
  const curves = h("div.curves", { id: "curves" });
  const compared = h("div.compared", { id: "compared" });
  put(page, h("div.bar", {}, h("strong", {}, "Runs"), h("span.note", {}, "tick one to follow it, two to five to compare")), table, curves, compared);

  async function list() {
    try {
      now.rows = (await get("/api/runs")).runs;
      showTable();
    } catch (error) {
      complain(error);
    }
  }

  function showTable() {
    if (!now.rows.length) {
      put(table, h("p.empty", {}, ticked("No run below the folders yet: `mirbricks train GRAPH --data CORPUS --out runs/NAME` makes one, and it is shown here while it trains.")));
      return;
    }
    const head = ["", "run", "task", "graph", "data", "fold", "figure", "state", "min"];
    const rows = now.rows.map((row) => {
      const box = h("input", { type: "checkbox", checked: now.chosen.has(row.path), "aria-label": `compare ${nameOf(row.path)}`, onchange: () => choose(row.path, box) });
      return h("tr", { "data-run": row.path }, h("td", {}, box), h("td", {}, shortened(row.path, studio.start.folders)), h("td", {}, row.task.replaceAll("_", " ")), h("td", {}, row.graph), h("td", {}, nameOf(row.corpus)), h("td.num", {}, row.fold ?? ""), h("td.num.figure", {}, figure(row)), h("td.state-of", {}, stateOf(row)), h("td.num", {}, row.training_s === null ? "" : (row.training_s / 60).toFixed(1)));
    });
    // The table is made again while the runs grow: who works with the keyboard stays at the same run.
    const focused = table.contains(document.activeElement) ? document.activeElement.closest("tr")?.dataset.run : null;
    put(table, h("table", {}, h("thead", {}, h("tr", {}, head.map((one) => h("th", { scope: "col" }, one)))), h("tbody", {}, rows)));
    if (focused) [...table.querySelectorAll("tr")].find((one) => one.dataset.run === focused)?.querySelector("input").focus();
  }

  const figure = (row) => {
    const first = Object.entries(row.figures)[0];
    return first ? `${first[0]} ${first[1].toFixed(3)}` : "";
  };
  const stateOf = (row) => (row.state === "unfinished" ? h("span", {}, h("progress", { max: String(row.steps || 1), value: String(row.step), "aria-label": "progress" }), ` step ${row.step} of ${row.steps}`) : row.state);

  function choose(path, box) {
    if (box.checked && now.chosen.size === MOST) {
      box.checked = false;
      return complain(new Error(`${MOST} runs at most`));
    }
    if (box.checked) now.chosen.add(path);
    else now.chosen.delete(path);
    follow();
  }

  // The newest choice wins: an answer to an older one is thrown away, however late it comes.
  async function follow() {
    const asked = ++now.asked;
    now.source?.close();
    now.source = null;
    const paths = [...now.chosen];
    if (!paths.length) {
      put(curves);
      put(compared);
      return;
    }
    try {
      const found = await post("/api/curves", { paths });
      if (asked !== now.asked) return;
      now.curves = found.curves;
      draw();
      await compare(paths, asked);
      if (asked !== now.asked) return;
      const query = paths.map((path) => `path=${encodeURIComponent(path)}`).join("&");
      now.source = new EventSource(`/api/events?${query}`);
      now.source.addEventListener("run", grown);
    } catch (error) {
      if (asked === now.asked) complain(error);
    }
  }

  function grown(event) {
    const { path, lines, row } = JSON.parse(event.data);
    now.curves[path]?.push(...lines);
    const at = now.rows.findIndex((one) => one.path === path);
    const ended = at >= 0 && now.rows[at].state !== row.state;
    if (at >= 0) now.rows[at] = row;
    showTable();
    if (lines.length) draw();
    // With its end come its figures.
    if (ended) compare([...now.chosen], now.asked).catch(complain);
  }

  // A plot for each name that was logged, the loss and the validations first.
  function draw() {
    // A hidden page has no width: its plots wait until it is shown.
    now.due = page.hidden;
    if (now.due) return;
    const paths = [...now.chosen];
    const names = new Set();
    for (const path of paths) for (const line of now.curves[path] ?? []) for (const name of Object.keys(line)) names.add(name);
    const wanted = [...names].filter((name) => !["step", "seconds", "epoch", "time_s"].includes(name)).sort((a, b) => rank(a) - rank(b)).slice(0, 6);
    put(curves);
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--faint").trim();
    const paper = style.getPropertyValue("--card").trim();
    const grid = { stroke: style.getPropertyValue("--line").trim(), width: 1 };
    const across = curves.clientWidth < 760 ? 1 : 3;
    for (const name of wanted) {
      const box = h("figure.plot", {}, h("figcaption", {}, name));
      curves.append(box);
      const points = paths.map((path) => (now.curves[path] ?? []).filter((line) => name in line).map((line) => [line.step, line[name]]));
      const steps = [...new Set(points.flat().map(([step]) => step))].sort((a, b) => a - b);
      const series = points.map((one) => {
        const known = new Map(one);
        return steps.map((step) => known.get(step) ?? null);
      });
      new uPlot({
        width: Math.min(430, curves.clientWidth / across - 36), height: 210,
        scales: { x: { time: false } },
        axes: [{ stroke: ink, grid, ticks: grid, label: "step", labelSize: 16, size: 34 }, { stroke: ink, grid, ticks: grid, size: 64, values: (_, ticks) => ticks.map(plain) }],
        series: [{ label: "step" }, ...paths.map((path, i) => ({ label: nameOf(path), stroke: COLOURS[i], width: 2, spanGaps: true, points: { show: steps.length < 40, fill: paper } }))],
      }, [steps, ...series], box);
    }
  }

  // uPlot rounds to three places, and a learning rate would have four ticks of 0.001.
  const plain = (value) => (value === null ? "" : String(Number(value.toPrecision(4))));

  const rank = (name) => (name === "loss" ? 0 : name.startsWith("valid") ? 1 : 2);

  async function compare(paths, asked) {
    if (paths.length < 2) {
      put(compared);
      return;
    }
    const found = await post("/api/compare", { paths });
    if (asked !== now.asked) return;
    const head = (kind) => h("thead", {}, h("tr", {}, h("th", {}, ""), found.names.map((name, i) => h(kind, { scope: "col" }, swatch(i), name))));
    const figures = Object.entries(found.figures).map(([name, values]) => h("tr", {}, h("th", { scope: "row" }, name), values.map((value, i) => h("td.num", {}, value === null ? "–" : value.toFixed(4), i && value !== null && values[0] !== null ? h("small", {}, ` ${value >= values[0] ? "+" : "−"}${Math.abs(value - values[0]).toFixed(4)}`) : null))));
    const settings = Object.entries(found.settings).map(([path, values]) => h("tr", {}, h("th", { scope: "row" }, path), values.map((value) => h("td.mono", {}, value))));
    put(compared,
      h("h2", {}, "Figures"), h("div.table", {}, h("table", {}, head("th.num"), h("tbody", {}, figures))),
      h("h2", {}, "Settings that differ"), settings.length ? h("div.table", {}, h("table", {}, head("th"), h("tbody", {}, settings))) : h("p.empty", {}, "None."),
      scatter(found));
  }

  function swatch(i) {
    const one = h("i.swatch", {});
    one.style.setProperty("background", COLOURS[i]);
    return one;
  }

  // Each track as a point: the first run to the right, the second upwards.
  function scatter(found) {
    const names = Object.keys(found.tracks);
    if (!names.length) return null;
    const host = h("div.plot", {});
    const select = h("select", { "aria-label": "figure of each track", onchange: show }, names.map((name) => h("option", { value: name }, name)));
    function show() {
      const tracks = Object.entries(found.tracks[select.value]);
      const all = tracks.flatMap(([, values]) => values);
      const low = Math.min(0, ...all);
      const high = Math.max(1, ...all);
      const size = 320;
      const place = (value) => (size * (value - low)) / (high - low);
      const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      svg.setAttribute("viewBox", `-46 -10 ${size + 70} ${size + 56}`);
      svg.setAttribute("class", "scatter");
      const add = (tag, attributes, text) => {
        const element = document.createElementNS(svg.namespaceURI, tag);
        for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
        if (text !== undefined) element.textContent = text;
        svg.append(element);
        return element;
      };
      add("rect", { x: 0, y: 0, width: size, height: size, class: "frame" });
      add("line", { x1: 0, y1: size, x2: size, y2: 0, class: "equal" });
      for (const value of [low, (low + high) / 2, high]) {
        add("text", { x: place(value), y: size + 16, "text-anchor": "middle" }, value.toPrecision(2));
        add("text", { x: -6, y: size - place(value) + 4, "text-anchor": "end" }, value.toPrecision(2));
      }
      add("text", { x: size / 2, y: size + 36, "text-anchor": "middle" }, found.names[0]);
      add("text", { x: -34, y: size / 2, "text-anchor": "middle", transform: `rotate(-90 -34 ${size / 2})` }, found.names[1]);
      for (const [key, [a, b]] of tracks) {
        const dot = add("circle", { cx: place(a), cy: size - place(b), r: 5, fill: COLOURS[1] });
        const words = document.createElementNS(svg.namespaceURI, "title");
        words.textContent = `${key}: ${a.toFixed(3)}, ${b.toFixed(3)}`;
        dot.append(words);
      }
      put(host, svg);
    }
    show();
    return h("div", {}, h("h2", {}, "Tracks ", select), host);
  }

  addEventListener("theme", () => now.chosen.size && draw());
  let timer = 0;
  list().then(() => now.chosen.size && follow());
  return {
    shown() {
      if (now.due) draw();
      clearInterval(timer);
      timer = setInterval(() => !page.hidden && list(), AGAIN_MS);
    },
  };
}
