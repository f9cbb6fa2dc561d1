// The editor of a graph: CodeMirror with the answers of the studio.
import { acceptCompletion, autocompletion, startCompletion } from "@codemirror/autocomplete";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics } from "@codemirror/lint";
import { EditorState, StateEffect, StateField, Prec } from "@codemirror/state";
import { Decoration, EditorView, hoverTooltip, keymap } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { basicSetup } from "codemirror";
import { post } from "./api.js";
import { h } from "./dom.js";

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--blue)" },
  { tag: tags.comment, color: "var(--faint)", fontStyle: "italic" },
  { tag: [tags.string, tags.content], color: "var(--ink)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--orange)" },
  { tag: tags.keyword, color: "var(--pink)" },
]);

const mark = StateEffect.define();
const marked = StateField.define({
  create: () => Decoration.none,
  update(value, transaction) {
    value = value.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (effect.is(mark)) value = effect.value === null ? Decoration.none : Decoration.set([Decoration.line({ class: "here" }).range(effect.value)]);
    }
    return value;
  },
  provide: (field) => EditorView.decorations.from(field),
});

// A place of the server's, which counts lines and characters (not UTF-16 units) from 1.
function offset(doc, line, column) {
  if (line < 1 || line > doc.lines) return 0;
  const row = doc.line(line);
  const before = Array.from(row.text).slice(0, column - 1).join("");
  return Math.min(row.from + before.length, row.to);
}

function placeOf(state, position) {
  const row = state.doc.lineAt(position);
  return { line: row.number, column: Array.from(row.text.slice(0, position - row.from)).length + 1 };
}

export function makeEditor(parent, { file, changed, moved, save }) {
  async function complete(context) {
    const place = placeOf(context.state, context.pos);
    const word = context.matchBefore(/[\w.]+/);
    const before = context.state.sliceDoc(Math.max(0, context.pos - 2), context.pos);
    if (!context.explicit && !word && !/[{:-] $|\$\{$/.test(before)) return null;
    const found = await post("/api/complete", { text: context.state.doc.toString(), ...place });
    if (context.aborted || !found.words.length) return null;
    return {
      from: offset(context.state.doc, place.line, found.from),
      options: found.words.map((one) => ({ label: one.label, type: one.kind, detail: one.detail.slice(0, 70), info: one.detail.length > 70 ? one.detail : undefined, apply: one.insert || one.label })),
      validFor: /^[\w.]*$/,
    };
  }

  const hovers = hoverTooltip(async (view, position) => {
    const found = await post("/api/hover", { text: view.state.doc.toString(), file: file(), ...placeOf(view.state, position) });
    if (!found.text) return null;
    const lines = found.text.replaceAll("**", "").replaceAll("`", "").split("\n\n");
    return { pos: position, create: () => ({ dom: h("div.hover", {}, lines.map((line) => h("p", {}, line))) }) };
  });

  const nonce = document.querySelector('meta[name="csp-nonce"]').content;
  const state = (text) =>
    EditorState.create({
      doc: text,
      extensions: [
        EditorView.cspNonce.of(nonce),
        Prec.high(keymap.of([{ key: "Tab", run: acceptCompletion }, { key: "Mod-s", run: () => (save(), true) }])),
        basicSetup,
        // Tab is left to the browser: who uses the keyboard only must get out of the editor.
        keymap.of([{ key: "Ctrl-Space", run: startCompletion }]),
        yaml(),
        EditorView.lineWrapping,
        syntaxHighlighting(colours),
        lintGutter(),
        marked,
        hovers,
        autocompletion({ override: [complete], activateOnTypingDelay: 150 }),
        EditorView.contentAttributes.of({ "aria-label": "graph file" }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) changed(update.state.doc.toString());
          else if (update.selectionSet) moved(update.state.doc.lineAt(update.state.selection.main.head).number);
        }),
      ],
    });
  const view = new EditorView({ state: state(""), parent });

  function replace(edit) {
    const doc = view.state.doc;
    const from = offset(doc, edit.line, edit.column);
    const to = offset(doc, edit.line, edit.column + edit.length);
    view.dispatch({ changes: { from, to, insert: edit.text } });
  }

  // The text at a place.
  function at(place) {
    const doc = view.state.doc;
    return doc.sliceString(offset(doc, place.line, place.column), offset(doc, place.line, place.column + place.length));
  }

  return {
    view,
    at,
    text: () => view.state.doc.toString(),
    set(text) {
      view.setState(state(text));
      changed(text);
    },
    replace,
    go(line, focus = true) {
      const row = view.state.doc.line(Math.min(Math.max(1, line), view.state.doc.lines));
      view.dispatch({ selection: { anchor: row.from }, effects: [mark.of(row.from), EditorView.scrollIntoView(row.from, { y: "center" })] });
      if (focus) view.focus();
    },
    // A new line below the one with the cursor, with the same indent.
    insert(text) {
      const row = view.state.doc.lineAt(view.state.selection.main.head);
      const inLayers = /^\s*- /.test(row.text);
      const indent = inLayers ? row.text.match(/^\s*/)[0] : "  ";
      const line = `\n${indent}- ${text}`;
      view.dispatch({ changes: { from: row.to, insert: line }, selection: { anchor: row.to + line.length } });
      view.focus();
    },
    diagnose(found) {
      const doc = view.state.doc;
      const all = found.map((one) => {
        const from = offset(doc, one.line, one.column);
        const to = Math.max(from, offset(doc, one.line, one.column + one.length));
        return {
          from,
          to: Math.min(doc.length, to === from ? from + 1 : to),
          severity: one.severity,
          message: one.help ? `${one.message}\nhelp: ${one.help}` : one.message,
          source: one.code,
          actions: one.edits.map((edit) => ({ name: edit.label, apply: () => replace(edit) })),
        };
      });
      view.dispatch(setDiagnostics(view.state, all));
    },
  };
}
