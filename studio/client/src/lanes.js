// What was annotated or predicted, drawn on the time axis of the waveform.
import { h } from "./dom.js";

const NS = "http://www.w3.org/2000/svg";

function s(tag, attributes, text) {
  const element = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  if (text !== undefined) element.textContent = text;
  return element;
}

const midiOf = (hz) => 69 + 12 * Math.log2(hz / 440);
const NAMES = ["C", "C♯", "D", "D♯", "E", "F", "F♯", "G", "G♯", "A", "A♯", "B"];
const noteName = (midi) => `${NAMES[((Math.round(midi) % 12) + 12) % 12]}${Math.floor(Math.round(midi) / 12) - 1}`;

// One layer as a lane: x in hundredths of a second, so that the browser scales it with the waveform.
export function lane(layer, duration, title, colour) {
  const head = h("div.lane-head", {}, h("b", {}, title), ` ${layer.name}`);
  if (layer.kind === "tags") {
    // The first is shown whatever its score, the others where two digits say something of it.
    const worth = layer.items.filter(([, score], i) => !i || score >= 0.01);
    const tags = worth.slice(0, 12).map(([label, score]) => h("span.tag", {}, `${label}${score < 1 ? ` ${score.toFixed(2)}` : ""}`));
    return h("div.lane", {}, head, h("div.tags", {}, tags));
  }
  const width = Math.max(1, duration * 100);
  const height = layer.kind === "segments" ? 26 : 120;
  const svg = s("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", width: "100%", height, role: "img", "aria-label": `${title} ${layer.name}` });
  if (layer.kind === "segments") segments(svg, layer.items, height, colour);
  else pitches(svg, layer, height, colour);
  const inside = h("div.lane-inside", {}, svg, layer.kind === "segments" ? labels(layer.items, duration) : scale(layer));
  return h("div.lane", {}, head, inside);
}

function range(layer) {
  const all = layer.kind === "notes" ? layer.items.map((one) => one[2]) : layer.items.map((one) => midiOf(one[1]));
  const low = all.reduce((a, b) => Math.min(a, b), 127);
  const high = all.reduce((a, b) => Math.max(a, b), 0);
  return [Math.floor(low) - 2, Math.ceil(high) + 2];
}

function pitches(svg, layer, height, colour) {
  const [low, high] = range(layer);
  const y = (midi) => height * (1 - (midi - low) / Math.max(1, high - low));
  const row = height / Math.max(1, high - low);
  for (let midi = Math.ceil(low / 12) * 12; midi < high; midi += 12) svg.append(s("line", { x1: 0, x2: "100%", y1: y(midi), y2: y(midi), class: "octave", "vector-effect": "non-scaling-stroke" }));
  for (const one of layer.items) {
    const [start, end, midi, sure] = layer.kind === "notes" ? one : [one[0], one[0] + 0.02, midiOf(one[1]), 1];
    const rect = s("rect", { x: start * 100, y: y(midi) - row / 2, width: Math.max(1, (end - start) * 100), height: Math.max(2, row), fill: colour, "fill-opacity": 0.35 + 0.65 * Math.min(1, sure) });
    if (layer.kind === "notes") rect.append(s("title", {}, `${noteName(midi)} ${start.toFixed(2)}–${end.toFixed(2)} s`));
    svg.append(rect);
  }
}

function segments(svg, items, height, colour) {
  items.forEach(([start, end, label], i) => {
    const rect = s("rect", { x: start * 100, y: 1, width: Math.max(0.5, (end - start) * 100), height: height - 2, fill: colour, "fill-opacity": i % 2 ? 0.25 : 0.45 });
    rect.append(s("title", {}, `${label} ${start.toFixed(2)}–${end.toFixed(2)} s`));
    svg.append(rect);
  });
}

// Words are HTML: in a picture that is stretched they would be too.
function labels(items, duration) {
  const words = items.filter(([start, end]) => (end - start) / duration > 0.02);
  return h("div.labels", {}, words.slice(0, 200).map(([start, end, label]) => at(h("span", { title: label }, label), start / duration, (end - start) / duration)));
}

function at(element, left, width) {
  element.style.setProperty("left", `${100 * left}%`);
  element.style.setProperty("width", `${100 * width}%`);
  return element;
}

function scale(layer) {
  if (!layer.items.length) return null;
  const [low, high] = range(layer);
  return h("div.scale", {}, h("span", {}, noteName(high)), h("span", {}, noteName(low)));
}
