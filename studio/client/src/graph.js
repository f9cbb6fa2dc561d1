// The page of a graph: what is typed is checked, drawn and counted while one types.
import { get, post } from "./api.js";
import { big, complain, h, nameOf, number, put, shortened, toast } from "./dom.js";
import { makeEditor } from "./editor.js";

const DELAY_MS = 120; // after the last key
const REST_MS = 250; // after a drawing
const FIRST = "input: B C=6 F=360 T\nlayers:\n  - Conv2d: {out_channels: 16, kernel_size: 3, padding: same}\n  - ReLU\n";

export function graphPage(page, studio) {
  const open = { path: "", base: "", name: "graph.yaml", mark: "", saved: "", loaded: "", asked: 0, timer: 0, counting: 0, found: null, sizes: {}, sliders: "", vars: new Map() };
  const file = () => open.base;

  const title = h("strong.file", {}, "untitled");
  const choose = h("select", { "aria-label": "open a graph", onchange: () => choose.value && chosen(choose.value) });
  const saving = h("button.primary", { type: "button", onclick: save, title: "Ctrl-S" }, "Save");
  const state = h("span.state", { role: "status", id: "state" });
  const host = h("div.editor", { id: "editor" });
  const problems = h("div.problems", { id: "problems" });
  const sliders = h("div.sliders", { id: "sliders" });
  const drawing = h("div.drawing", { id: "drawing", tabindex: "0", "aria-label": "drawing of the graph" });
  const table = h("div.table", { id: "layers" });
  const code = h("pre.code", { id: "torch", tabindex: "0" });
  const diff = h("div.diff", { id: "changes" });
  const palette = h("div.palette", { id: "palette" });
  const views = [
    ["drawing", "Drawing", h("div.stack", {}, sliders, drawing, table), () => {}],
    ["torch", "Plain PyTorch", code, showTorch],
    ["changes", "What changed", diff, showChanges],
    ["palette", "Palette", palette, showPalette],
  ];
  let view = "drawing";
  const tabs = h("div.tabs", { role: "tablist", "aria-label": "views" });
  const right = h("div.right", {}, tabs, ...views.map(([, , element]) => element));

  put(page, h("div.bar", {}, title, choose, saving, state), h("div.split", {}, h("div.left", {}, host, problems), right));
  const editor = makeEditor(host, { file, changed, moved, save });
  showView("drawing");

  function showView(name) {
    view = name;
    put(tabs, views.map(([key, words]) => h("button", { type: "button", role: "tab", "aria-selected": String(key === name), onclick: () => showView(key) }, words)));
    for (const [key, , element, fill] of views) {
      element.hidden = key !== name;
      if (key === name) fill();
    }
  }

  const unsaved = () => editor.text() !== open.loaded;

  // Another graph takes the place of this one: what was typed would be lost without a word.
  function chosen(path) {
    if (!unsaved() || confirm(`${open.name} has changes that are not saved. Open another graph without them?`)) return load(path);
    choose.value = open.path || open.name;
  }

  async function load(path) {
    try {
      const found = await post("/api/read", { path });
      Object.assign(open, { path: found.path, base: found.base, name: found.name, mark: found.mark, saved: found.text, loaded: found.text, sizes: {}, sliders: "" });
      title.textContent = found.path ? shortened(found.path, studio.start.folders) : `${found.name} (${found.origin})`;
      editor.set(found.text);
    } catch (error) {
      complain(error);
    }
  }

  async function save() {
    let path = open.path;
    if (!path) {
      const name = prompt("Save as", open.name.endsWith(".yaml") ? open.name : `${open.name}.yaml`);
      if (!name) return;
      path = name;
    }
    try {
      const text = editor.text();
      const found = await post("/api/save", { path, text, mark: open.path ? open.mark : "" });
      Object.assign(open, { path: found.path, base: found.path, name: found.name, mark: found.mark, saved: text, loaded: text });
      title.textContent = shortened(found.path, studio.start.folders);
      toast(`saved ${found.name}`);
      dirty();
      listFiles();
    } catch (error) {
      complain(error);
    }
  }

  function dirty() {
    const changedSince = editor.text() !== open.saved;
    saving.classList.toggle("dirty", changedSince);
    saving.disabled = !changedSince && Boolean(open.path);
  }

  function changed() {
    dirty();
    // The places in an answer that is on its way are those of another text.
    open.asked += 1;
    clearTimeout(open.timer);
    open.timer = setTimeout(check, DELAY_MS);
  }

  // The newest question wins: an answer to an older text is thrown away.
  async function check() {
    const asked = ++open.asked;
    const text = editor.text();
    // The process that answers takes seconds to start: an empty page would look broken.
    if (!open.found) state.textContent = "starting …";
    try {
      let found = await post("/api/check", { text, file: file(), thorough: false });
      if (asked !== open.asked) return;
      show(found);
      if (found.provisional) {
        found = await post("/api/check", { text, file: file(), thorough: true });
        if (asked !== open.asked) return;
        show(found);
      }
      if (found.svg) {
        // Counting takes longer than a check: it waits until the keys rest, so that no error has to wait for it.
        await new Promise((rested) => setTimeout(rested, REST_MS));
        if (asked !== open.asked) return;
        await count(asked, text);
        await fits(asked, text, found);
      }
    } catch (error) {
      if (asked === open.asked) {
        state.textContent = error.message;
        state.className = "state bad";
      }
    }
  }

  // Whether a graph fits the task that it names takes longer than its drawing: it is asked last.
  async function fits(asked, text, found) {
    if (asked !== open.asked || found.errors.length || !/^task:/m.test(text)) return;
    const { errors } = await post("/api/fits", { text, file: file() });
    if (asked === open.asked && errors.length) tell({ ...found, errors });
  }

  function show(found) {
    tell(found);
    showSliders(found);
    drawing.classList.toggle("stale", !found.svg);
    table.classList.toggle("stale", !found.svg);
    if (found.svg) {
      open.found = found;
      draw(found.svg);
      showTable(found);
    }
    if (view !== "drawing" && view !== "palette") showView(view);
  }

  // Mistakes in the editor and below it, and the line above it.
  function tell(found) {
    const own = (one) => !one.file || one.file === (file() || one.file);
    const here = [...found.errors, ...found.warnings].map((one) => (own(one) ? one : { ...one, line: 1, column: 1, message: `${one.file}:${one.line}: ${one.message}`, edits: [] }));
    editor.diagnose(here);
    showProblems(here, found.provisional);
    const count = found.errors.length;
    if (found.svg && !count) {
      const outs = Object.values(found.outputs).join(", ");
      state.textContent = `${Object.values(found.inputs).join(", ")} → ${outs} · ${number(found.parameters)} parameters`;
      state.className = "state good";
    } else {
      state.textContent = `${count} error${count === 1 ? "" : "s"}${found.provisional ? ", looking further" : ""}`;
      state.className = "state bad";
    }
  }

  function showProblems(all, provisional) {
    put(
      problems,
      all.map((one) =>
        h(`div.problem.${one.severity}`, {},
          h("button.where", { type: "button", onclick: () => editor.go(one.line) }, `${one.line}:${one.column}`),
          h("div.words", {}, h("p", {}, one.message, " ", h("code", {}, one.code), provisional ? h("em", {}, " looking further") : null),
            one.facts.length ? h("dl", {}, one.facts.flatMap(([label, text]) => [h("dt", {}, label), h("dd", {}, text)])) : null,
            one.help ? h("p.help", {}, `help: ${one.help}`) : null,
            one.edits.map((edit) => h("button.fix", { type: "button", onclick: () => editor.replace(edit) }, edit.label)))),
      ),
    );
  }

  function draw(svg) {
    const element = new DOMParser().parseFromString(svg, "image/svg+xml").documentElement;
    for (const box of element.querySelectorAll("g")) {
      const line = box.querySelector(":scope > title")?.textContent.match(/, line (\d+)$/m);
      // A layer of a part has no line here: its title names the file of the part.
      if (!line) continue;
      box.dataset.line = line[1];
      box.classList.add("box");
      box.setAttribute("tabindex", "0");
      box.setAttribute("role", "button");
      const go = () => editor.go(Number(line[1]));
      box.addEventListener("click", go);
      box.addEventListener("keydown", (event) => event.key === "Enter" && go());
    }
    put(drawing, element);
  }

  function moved(line) {
    for (const one of page.querySelectorAll(".chosen")) one.classList.remove("chosen");
    for (const one of page.querySelectorAll(`[data-line="${line}"]`)) one.classList.add("chosen");
  }

  function showTable(found) {
    const head = ["line", "name", "block", "out", "parameters", "multiply-adds", "receptive field"];
    const rows = found.rows.map((row, i) =>
      h("tr", { "data-line": row.line ?? "", tabindex: "0", onclick: () => row.line && editor.go(row.line, false), onkeydown: (event) => event.key === "Enter" && row.line && editor.go(row.line) },
        h("td.num", {}, row.line ?? ""), h("td", {}, row.name), h("td", {}, row.block), h("td.mono", { id: `out-${i}` }, row.out), h("td.num", {}, number(row.parameters)), h("td.num", { id: `macs-${i}` }), h("td.num", { id: `field-${i}` })));
    put(table, h("table", {}, h("thead", {}, h("tr", {}, head.map((one) => h("th", { scope: "col" }, one)))), h("tbody", {}, rows)));
  }

  async function count(asked, text) {
    try {
      const found = await post("/api/summary", { text, file: file(), sizes: open.sizes });
      if (asked !== open.asked) return;
      showCounts(found);
    } catch (error) {
      if (asked === open.asked) toast(error.message, "bad");
    }
  }

  function showCounts(found) {
    const note = document.getElementById("size-note");
    if (note) note.textContent = found.fails ? `does not run here: ${found.fails}` : "";
    if (found.fails) return;
    found.macs.forEach((macs, i) => {
      document.getElementById(`macs-${i}`).textContent = big(macs);
      const field = found.fields[i];
      document.getElementById(`field-${i}`).textContent = field === null ? "all" : number(field);
    });
    if (Object.keys(open.sizes).length && found.shapes.length === open.found.rows.length) {
      found.shapes.forEach((shape, i) => (document.getElementById(`out-${i}`).textContent = shape));
    }
  }

  // A slider for each number of `vars:`, which changes the text, and for each free axis, which tries a size. They are
  // made once for each set of names, so that the one in hand keeps the focus while the answers come.
  function showSliders(found) {
    // A mistake of form leaves the vars unknown: the sliders stay, and lead back to a sound text.
    if (!found.svg && !found.vars.length) return;
    const free = found.svg ? found.free : open.found?.free ?? {};
    const axes = Object.keys(free).filter((name) => name !== "B");
    const names = JSON.stringify([found.vars.map((one) => one.name), axes]);
    if (names !== open.sliders) {
      open.sliders = names;
      open.vars = new Map(found.vars.map((one) => [one.name, varSlider(one)]));
      const rows = [...open.vars.values()].map((one) => one.row);
      const note = axes.length ? h("span.note", { id: "size-note", role: "status" }) : null;
      put(sliders, rows, axes.map((name) => axisSlider(name, free[name])), note);
    }
    for (const one of found.vars) {
      const slider = open.vars.get(one.name);
      Object.assign(slider.place, { line: one.line, column: one.column, length: one.length });
      slider.place.text = editor.at(slider.place);
      if (slider.input.matches(":active")) continue;
      if (one.value > Number(slider.input.max)) slider.input.max = String(one.value);
      if (one.value < Number(slider.input.min)) slider.input.min = String(one.value);
      slider.input.value = String(one.value);
      slider.out.textContent = String(one.value);
    }
  }

  function varSlider({ name, value, whole }) {
    const size = Math.abs(value);
    const most = whole ? Math.max(8, 4 * size) : Math.max(1, 2 * size);
    const least = value < 0 ? -most : whole && value > 0 ? 1 : 0;
    const place = { line: 1, column: 1, length: 0, text: "" };
    const out = h("output", {}, String(value));
    const input = h("input", { type: "range", min: String(least), max: String(most), step: whole ? "1" : String(most / 100), value: String(value), "aria-label": `var ${name}` });
    input.addEventListener("input", () => {
      let text = whole ? input.value : String(Number(Number(input.value).toPrecision(4)));
      // What was a number with a point stays one.
      if (!whole && !/[.e]/.test(text)) text += ".0";
      out.textContent = text;
      write(place, text);
    });
    return { row: h("label", {}, h("b", {}, name), input, out), input, out, place };
  }

  // Put a value in its place, and move the places behind it on the line; nothing where another text stands by now.
  function write(place, text) {
    if (editor.at(place) !== place.text) return;
    editor.replace({ ...place, text });
    for (const { place: other } of open.vars.values()) {
      if (other.line === place.line && other.column > place.column) other.column += text.length - place.length;
    }
    place.length = text.length;
    place.text = text;
  }

  function axisSlider(name, usual) {
    const size = open.sizes[name] ?? usual;
    const out = h("output", {}, String(size));
    const input = h("input", { type: "range", min: "1", max: String(Math.max(512, 2 * usual)), value: String(size), "aria-label": `axis ${name}` });
    input.addEventListener("input", () => {
      open.sizes[name] = Number(input.value);
      out.textContent = input.value;
      clearTimeout(open.counting);
      open.counting = setTimeout(() => count(open.asked, editor.text()), DELAY_MS);
    });
    return h("label.axis", {}, h("b", {}, name), input, out);
  }

  async function showTorch() {
    try {
      code.textContent = (await post("/api/torch", { text: editor.text(), file: file() })).code;
      code.classList.remove("stale");
    } catch (error) {
      code.classList.add("stale");
      if (!code.textContent) code.textContent = `# ${error.message}`;
    }
  }

  async function showChanges() {
    try {
      const found = await post("/api/changes", { text: editor.text(), file: file(), saved: open.saved });
      const lines = found.lines.map((line) => h(`div.${line.startsWith("+") ? "plus" : line.startsWith("-") ? "minus" : "same"}`, {}, line || " "));
      const nodes = (found.diff?.nodes ?? []).map((one) => h("li", {}, h("b", {}, `${one.sign} ${one.what}`), one.facts.map(([what, a, b]) => h("div", {}, `${what}: ${a ?? "–"} → ${b ?? "–"}`))));
      const sizes = found.diff?.parameters;
      const head = sizes && sizes[0] !== sizes[1] ? `${number(sizes[0])} → ${number(sizes[1])} parameters` : "";
      put(diff, found.lines.length ? null : h("p.empty", {}, "Nothing differs from the file on disk."), head ? h("p", {}, head) : null, nodes.length ? h("ul", {}, nodes) : null, lines.length ? h("div.lines", {}, lines) : null);
    } catch (error) {
      complain(error);
    }
  }

  async function showPalette() {
    if (palette.childElementCount) return;
    const { blocks } = await post("/api/shelf", {});
    const groups = group(blocks);
    put(palette, [...groups].map(([family, all]) => h("details", { open: ["language", "convolution", "pointwise", "pooling"].includes(family) }, h("summary", {}, family), h("div.bricks", {}, all.map((one) => h("button.brick", { type: "button", title: one.summary, onclick: () => editor.insert(one.insert) }, one.name))))));
  }

  function group(blocks) {
    const groups = new Map();
    for (const one of blocks) groups.set(one.family, [...(groups.get(one.family) ?? []), one]);
    return groups;
  }

  async function listFiles() {
    const found = await get("/api/files");
    const option = (path, words) => h("option", { value: path }, words);
    put(choose, option("", "Open …"), h("optgroup", { label: "files" }, found.graphs.map((path) => option(path, shortened(path, found.folders)))), h("optgroup", { label: "come with mirbricks" }, found.shipped.map((name) => option(name, name))));
    return found;
  }

  listFiles()
    .then((found) => {
      const first = studio.start.graph ?? found.graphs[0];
      if (first) return load(first);
      open.saved = "";
      open.loaded = FIRST;
      editor.set(FIRST);
    })
    .catch(complain);
  addEventListener("beforeunload", (event) => unsaved() && event.preventDefault());
  return { insert: (text) => editor.insert(text), open: load };
}
