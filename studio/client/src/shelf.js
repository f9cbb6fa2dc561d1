// The page of bricks and models: searched, read, and put into the graph.
import { get, post } from "./api.js";
import { complain, h, put, ticked } from "./dom.js";

export function shelfPage(page, studio) {
  const search = h("input.search", { type: "search", placeholder: "attention, pooling, chords …", "aria-label": "search bricks and models", oninput: show });
  const list = h("div.shelf", { id: "shelf", role: "list" });
  const detail = h("div.detail", { id: "detail", "aria-live": "polite" });
  const all = [];
  put(page, h("div.bar", {}, search, h("span.note", { id: "shelf-count" })), h("div.split.shelf-split", {}, list, detail));

  function show() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = all.filter((one) => words.every((word) => one.text.includes(word)));
    document.getElementById("shelf-count").textContent = `${found.length} of ${all.length}`;
    put(list, found.map((one) => h("button.card", { type: "button", role: "listitem", onclick: () => one.open(one) }, h("b", {}, one.name), h("small", {}, one.kind), h("span", {}, ticked(one.summary)))));
  }

  async function brick(one) {
    const fields = one.fields.map((field) => h("tr", {}, h("th", { scope: "row" }, field.name), h("td", {}, ticked(field.text))));
    const more = h("div.more", {}, "…");
    put(detail,
      h("h2", {}, one.name, " ", h("button.primary", { type: "button", onclick: () => insert(one.insert) }, "Insert into the graph")),
      h("p", {}, ticked(one.summary)),
      one.contract ? h("p.mono", {}, one.contract) : null,
      fields.length ? h("table", {}, h("tbody", {}, fields)) : null,
      one.source ? h("p.note", {}, `Source: ${one.source}`) : null,
      more);
    if (!one.contract) return put(more);
    try {
      const found = await post("/api/brick", { name: one.name });
      const svg = new DOMParser().parseFromString(found.svg, "image/svg+xml").documentElement;
      put(more, h("h3", {}, "A graph that runs"), h("pre.code", {}, found.example), h("h3", {}, "Inside"), h("div.inside", {}, svg));
    } catch (error) {
      put(more);
      complain(error);
    }
  }

  function model(one) {
    const lines = one.card.replace(/^---[\s\S]*?---\n/, "").split("\n");
    put(detail, h("h2", {}, one.name), h("p.note", {}, one.kind), h("div.card-text", {}, lines.filter((line) => line.trim()).map(line)));
  }

  function line(text) {
    const head = text.match(/^(#+) (.*)/);
    if (head) return h(head[1].length > 1 ? "h3" : "h2", {}, head[2]);
    return h("p", {}, ticked(text.replace(/^[-*] /, "• ")));
  }

  function insert(text) {
    studio.show("graph");
    setTimeout(() => studio.open.graph.insert(text), 50);
  }

  async function begin() {
    const [{ blocks }, { models }] = await Promise.all([post("/api/shelf", {}), get("/api/models")]);
    for (const one of blocks) all.push({ ...one, kind: one.family, open: brick, text: [one.name, one.family, one.summary, ...one.fields.map((field) => field.name)].join(" ").toLowerCase() });
    for (const one of models) all.push({ ...one, kind: `a trained model: ${one.task.replaceAll("_", " ")}`, summary: "", open: model, text: `${one.name} ${one.task} model ${one.card}`.toLowerCase() });
    show();
    if (all.length) all[0].open(all[0]);
  }

  begin().catch(complain);
  return { shown: () => search.focus() };
}
