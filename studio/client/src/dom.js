// Elements in one call: h("button.primary", { onclick, title }, "Save").

export function h(what, attributes = {}, ...children) {
  const [tag, ...classes] = what.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

export function put(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

// Words between backticks as code, as they are meant.
export const ticked = (text) => text.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));

let timer = 0;
export function toast(text, kind = "") {
  const element = document.getElementById("toast");
  element.textContent = text;
  element.className = `shown ${kind}`;
  clearTimeout(timer);
  timer = setTimeout(() => (element.className = ""), 6000);
}

export function complain(error) {
  toast(error.help ? `${error.message}: ${error.help}` : error.message, "bad");
}

export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return value.toPrecision(4);
}

export function big(value) {
  for (const [unit, name] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (value >= unit) return `${(value / unit).toPrecision(3)} ${name}`;
  }
  return String(value);
}

export const nameOf = (path) => path.split("/").filter(Boolean).pop() ?? path;

// What a path adds to the folder that the studio was started in.
export function shortened(path, folders) {
  const folder = folders.find((one) => path.startsWith(`${one}/`));
  return folder ? path.slice(folder.length + 1) : path;
}

// Colours that are told apart by people of all kinds of sight, on light and on dark.
export const COLOURS = ["#3f7cac", "#c2622d", "#25855f", "#ad4a83", "#b18a1c"];
