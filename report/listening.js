"use strict";
// A listening test in one page. Three parts: what a listener gets (plan), what is written down (table), what is
// shown and heard. The first two need no browser.

const listening = (() => {
  const COLUMNS = ["page", "test", "listener", "trial", "item", "system", "answer", "score", "seconds"];
  const BEST = 9; // digits on a keyboard

  // ---- Random order: the same for the same listener of the same test -------------------------------------------

  // FNV-1a (Fowler, Noll, Vo), 32 bits: a number from words.
  function hash(words) {
    let value = 0x811c9dc5;
    for (const byte of new TextEncoder().encode(words)) {
      value = Math.imul(value ^ byte, 0x01000193) >>> 0;
    }
    return value || 1; // the generator below never leaves 0
  }

  // Marsaglia, "Xorshift RNGs", 2003: whole numbers from 0 up to, but not including, `below`.
  function generator(words) {
    let state = hash(words);
    const draw = below => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      state >>>= 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    // The first numbers of two seeds that are alike are alike too.
    for (let i = 0; i < 20; i += 1) draw(2);
    return draw;
  }

  function shuffled(list, draw) {
    const order = [...list];
    for (let last = order.length - 1; last > 0; last -= 1) {
      const other = draw(last + 1);
      [order[last], order[other]] = [order[other], order[last]];
    }
    return order;
  }

  // ---- What a listener gets ------------------------------------------------------------------------------------

  // The trials in their order. A trial has `sounds`, the keys behind its buttons from left to right, and
  // of MUSHRA the open `reference`; of ABX the third sound is X.
  function plan(content, listener) {
    const draw = generator(`${content.page}/${content.seed}/${listener}`);
    const trials = [];
    for (const { item, stimuli, reference } of content.items) {
      if (content.test === "mushra") {
        trials.push({ item, reference, sounds: shuffled(stimuli, draw) });
      } else if (content.test === "mos") {
        for (const key of stimuli) trials.push({ item, sounds: [key] });
      } else {
        for (let i = 0; i < content.repetitions; i += 1) {
          const pair = shuffled(stimuli, draw);
          trials.push({ item, sounds: [...pair, pair[draw(2)]] });
        }
      }
    }
    return shuffled(trials, draw);
  }

  // ---- What is written down ------------------------------------------------------------------------------------

  // The rows of one trial. `answer` holds the scores of the sounds, or of ABX 0 for A and 1 for B.
  function rows(content, names, listener, number, trial, answer, seconds) {
    const row = (key, chosen, score) => ({
      page: content.page, test: content.test, listener, trial: number + 1, item: names[key][0],
      system: names[key][1], answer: chosen, score, seconds: seconds.toFixed(1),
    });
    if (content.test === "abx") {
      const x = trial.sounds[2];
      const chosen = trial.sounds[answer];
      return [row(x, names[chosen][1], chosen === x ? 1 : 0)];
    }
    return trial.sounds.map((key, i) => row(key, "", answer[i]));
  }

  // A spreadsheet runs what begins like a formula, and a listener may call themselves anything; results are read back
  // without the apostrophe (data/stores/cells.py).
  function guarded(text) {
    const isNumber = /^[+-](\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text);
    return /^'*[=+\-@]/.test(text) && !isNumber ? `'${text}` : text;
  }

  function cell(value) {
    const text = guarded(String(value));
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  function csv(table) {
    const lines = [COLUMNS, ...table.map(row => COLUMNS.map(name => row[name]))];
    return lines.map(line => line.map(cell).join(",")).join("\r\n") + "\r\n";
  }

  // ---- What is heard -------------------------------------------------------------------------------------------

  const given = new Map(); // key -> what the script of a sound has handed over

  function give(key, rate, channels, data) {
    given.set(key, { rate, channels, data });
  }

  function fetchSound(key) {
    if (given.has(key)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = `sounds/${key}.js`;
      script.onload = () => { script.remove(); resolve(); };
      script.onerror = () => reject(new Error(`sounds/${key}.js`));
      document.head.append(script);
    });
  }

  // All sounds of a trial run side by side from the moment one of them is started, and only the chosen one is
  // heard: a change from one to another has no gap.
  class Player {
    constructor(onChange) {
      this.onChange = onChange;
      this.context = null;
      this.buffers = new Map();
      this.voices = new Map();
      this.heard = null;
      this.looping = true;
      this.begun = 0;
      this.length = 0;
    }

    async load(keys) {
      this.stop();
      await Promise.all(keys.map(fetchSound));
      this.context ??= new AudioContext();
      this.length = Math.max(...keys.map(key => this.seconds(key)));
      this.buffers = new Map(keys.map(key => [key, this.buffer(key)]));
      for (const key of [...given.keys()]) if (!keys.includes(key)) given.delete(key);
    }

    seconds(key) {
      const { rate, channels, data } = given.get(key);
      return (data.length * 3) / 4 / 2 / channels / rate;
    }

    // Filled up to the length of the longest, so that all loops stay together.
    buffer(key) {
      const { rate, channels, data } = given.get(key);
      const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0));
      const values = new DataView(bytes.buffer);
      const count = Math.floor(bytes.length / 2 / channels);
      const buffer = this.context.createBuffer(channels, Math.max(1, Math.ceil(this.length * rate)), rate);
      for (let channel = 0; channel < channels; channel += 1) {
        const samples = buffer.getChannelData(channel);
        for (let i = 0; i < count; i += 1) {
          samples[i] = values.getInt16(2 * (i * channels + channel), true) / 32767;
        }
      }
      return buffer;
    }

    async play(key) {
      if (!this.buffers.has(key)) return;
      await this.context.resume();
      if (this.heard === null) this.start();
      this.heard = key;
      const now = this.context.currentTime;
      for (const [other, { gain }] of this.voices) {
        gain.gain.setTargetAtTime(other === key ? 1 : 0, now, 0.004);
      }
      this.onChange();
    }

    start() {
      this.begun = this.context.currentTime;
      for (const [key, buffer] of this.buffers) {
        const source = this.context.createBufferSource();
        const gain = this.context.createGain();
        source.buffer = buffer;
        source.loop = this.looping;
        gain.gain.value = 0;
        source.connect(gain).connect(this.context.destination);
        source.start();
        this.voices.set(key, { source, gain });
      }
      const [first] = this.voices.values();
      first.source.onended = () => { if (this.voices.size) this.stop(); };
    }

    stop() {
      for (const { source, gain } of this.voices.values()) {
        source.onended = null;
        source.stop();
        gain.disconnect();
      }
      this.voices.clear();
      this.heard = null;
      this.onChange();
    }

    // How much of the sound has been heard, from 0 to 1.
    share() {
      if (this.heard === null || !this.length) return 0;
      const passed = (this.context.currentTime - this.begun) / this.length;
      return this.looping ? passed % 1 : Math.min(1, passed);
    }

    setLooping(looping) {
      this.looping = looping;
      for (const { source } of this.voices.values()) source.loop = looping;
    }
  }

  return { hash, plan, rows, csv, give, Player, BEST };
})();

// ---- What is shown ---------------------------------------------------------------------------------------------

function showTest() {
  const content = JSON.parse(document.getElementById("content").textContent);
  const names = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(content.names), c => c.charCodeAt(0))));
  const main = document.getElementById("main");
  const player = new listening.Player(() => refresh());
  let refresh = () => {};
  let keys = {}; // what a key does now
  let state = { listener: "", at: 0, table: [] };
  let trials = [];
  let saved = true;

  const TEXTS = {
    mushra: [
      "Each screen has a reference and several versions of the same sound. Rate how good each version is, from 0 to 100, " +
        "compared with the reference.",
      "One version is the reference itself, so at least one should be given 100. Switch between them as often as you like: " +
        "the sound goes on where it is.",
    ],
    abx: [
      "Each screen has two sounds, A and B, and a third one, X, which is one of the two. Decide which one it is.",
      "Listen as often as you like. If you cannot decide, guess.",
    ],
    mos: [
      "Each screen has one sound. Rate its quality from 1 to 5: bad, poor, fair, good, excellent.",
      "Listen to all of it at least once.",
    ],
  };
  const KEYS = {
    mushra: [["1 … 9", "play a version"], ["R", "play the reference"], ["← →", "change the rating"],
      ["Space", "play, stop"], ["L", "loop"], ["Enter", "next"]],
    abx: [["A, B, X", "play"], ["← →", "X is A, X is B"], ["Space", "play, stop"], ["L", "loop"], ["Enter", "next"]],
    mos: [["1 … 5", "rate"], ["Space", "play, stop"], ["Enter", "next"]],
  };
  const QUALITY = ["Bad", "Poor", "Fair", "Good", "Excellent"];

  // An element; attributes that are functions listen to the event of that name.
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (typeof value === "function") element.addEventListener(name, value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }

  function show(...children) {
    main.replaceChildren(...children);
    main.querySelector("h1")?.focus();
    window.scrollTo(0, 0);
  }

  function keyList() {
    const rows = KEYS[content.test].flatMap(([key, text]) => [make("dt", {}, make("kbd", {}, key)), make("dd", {}, text)]);
    return make("details", { class: "keys" }, make("summary", {}, "Keys"), make("dl", {}, ...rows));
  }

  // A page opened from a folder may have no storage: then a reload begins again.
  function store() {
    try { localStorage.setItem(`listening ${content.page}`, JSON.stringify(state)); } catch { /* not kept */ }
  }

  function stored() {
    try {
      const kept = JSON.parse(localStorage.getItem(`listening ${content.page}`));
      return kept && kept.listener ? kept : null;
    } catch { return null; }
  }

  function forget() {
    try { localStorage.removeItem(`listening ${content.page}`); } catch { /* nothing was kept */ }
  }

  // ---- The first screen

  function begin() {
    player.stop();
    keys = {};
    refresh = () => {};
    const name = make("input", { id: "listener", required: true, maxlength: 60, autocomplete: "off" });
    const level = make("button", { type: "button", click: setLevel }, "Play the loudest sound");
    const form = make("form", { submit: event => { event.preventDefault(); enter(name.value.trim()); } },
      make("label", { for: "listener" }, "Your name or number"), name,
      make("button", { class: "main", type: "submit" }, "Begin"));
    const parts = [make("h1", { tabindex: -1 }, content.title), ...TEXTS[content.test].map(text => make("p", {}, text)),
      make("p", {}, "Use headphones in a quiet room. Set a comfortable level with the loudest sound, and do not change it later."), level];
    const kept = stored();
    if (kept) {
      const go = () => { state = kept; trials = listening.plan(content, state.listener); next(); };
      parts.push(make("p", { class: "resume" }, `The test of “${kept.listener}” is not finished. `,
        make("button", { type: "button", click: go }, "Go on")));
    }
    show(...parts, form, keyList());
    name.focus();
  }

  async function setLevel() {
    if (player.heard !== null) return player.stop();
    if (await ready([content.loudest])) player.play(content.loudest);
  }

  function enter(listener) {
    if (!listener) return;
    state = { listener, at: 0, table: [] };
    trials = listening.plan(content, listener);
    next();
  }

  async function ready(sounds) {
    try {
      await player.load(sounds);
      return true;
    } catch (error) {
      show(make("h1", { tabindex: -1 }, "A sound is missing"),
        make("p", {}, `The file ${error.message} beside this page could not be loaded. Ask for the whole folder.`));
      return false;
    }
  }

  // ---- A trial

  async function next() {
    store();
    if (state.at >= trials.length) return end();
    const trial = trials[state.at];
    const sounds = [...new Set([...trial.sounds, ...(trial.reference ? [trial.reference] : [])])];
    show(make("p", { class: "wait" }, "Loading …"));
    player.setLooping(content.test !== "mos");
    if (!(await ready(sounds))) return;
    ({ mushra: showMushra, abx: showAbx, mos: showMos })[content.test](trial);
  }

  // What all tests share: progress, a line that shows where the sound is, the button for the next trial.
  function frame(trial, middle, isComplete, missing, answer) {
    const started = performance.now();
    const played = new Set();
    const bar = make("progress", { max: 1, value: 0, "aria-label": "position in the sound" });
    const hint = make("p", { class: "hint", "aria-live": "polite" });
    const go = () => {
      if (!done()) return;
      const seconds = (performance.now() - started) / 1000;
      state.table.push(...listening.rows(content, names, state.listener, state.at, trial, answer(), seconds));
      state.at += 1;
      saved = false;
      player.stop();
      next();
    };
    const button = make("button", { class: "main", type: "button", click: go }, "Next");
    const stop = make("button", { type: "button", click: toggle }, "Play");
    const loop = make("button", { type: "button", click: () => { player.setLooping(!player.looping); refresh(); } }, "Loop");
    const all = [...trial.sounds];
    // Which of several buttons was pressed counts, not only which sound it was: X is A or B.
    const done = () => all.every((_, i) => played.has(i)) && isComplete();

    let last = 0;
    let playing = -1;
    function play(place) {
      playing = place;
      if (place >= 0) played.add(place);
      last = place;
      player.play(place < 0 ? trial.reference : trial.sounds[place]);
    }
    function toggle() {
      if (player.heard === null) play(last);
      else player.stop();
    }
    const buttons = [];
    function playButton(place, text, label) {
      const one = make("button", { type: "button", class: "play", "aria-label": label, click: () => play(place) }, text);
      buttons.push([one, place]);
      return one;
    }

    refresh = () => {
      const sounding = player.heard !== null;
      for (const [one, place] of buttons) one.setAttribute("aria-pressed", sounding && place === playing);
      stop.textContent = sounding ? "Stop" : "Play";
      loop.setAttribute("aria-pressed", player.looping);
      button.disabled = !done();
      const unheard = all.filter((_, i) => !played.has(i)).length;
      hint.textContent = done() ? "" : unheard ? `Not heard yet: ${unheard} of ${all.length}` : missing();
    };
    const move = () => {
      if (!bar.isConnected) return;
      bar.value = player.share();
      requestAnimationFrame(move);
    };

    keys = { " ": toggle, Enter: go };
    const controls = make("div", { class: "controls" }, stop);
    if (content.test !== "mos") {
      controls.append(loop);
      keys.l = () => loop.click();
    }
    const number = `${state.at + 1} of ${trials.length}`;
    const along = make("progress", { class: "along", max: trials.length, value: state.at, "aria-label": "trials done" });
    show(make("header", {}, make("h1", { tabindex: -1 }, content.title), make("span", {}, number), along),
      make("div", { class: "transport" }, controls, bar), middle(playButton, play), hint, button, keyList());
    refresh();
    requestAnimationFrame(move);
  }

  function showMushra(trial) {
    const scores = trial.sounds.map(() => null);
    const row = (playButton, place) => {
      const label = `version ${place + 1}`;
      const value = make("output", {}, "–");
      const slider = make("input", { type: "range", min: 0, max: 100, value: 50, class: "unset", "aria-label": `rating of ${label}` });
      // A slider that was touched is a rating, also where it stayed where it was.
      const rate = () => {
        scores[place] = Number(slider.value);
        value.textContent = slider.value;
        slider.classList.remove("unset");
        refresh();
      };
      for (const event of ["input", "change", "pointerup"]) slider.addEventListener(event, rate);
      slider.addEventListener("keydown", event => { if (/^(Arrow|Home|End|Page)/.test(event.key)) setTimeout(rate); });
      return make("div", { class: "row" }, playButton(place, String(place + 1), `play ${label}`), slider, value);
    };
    const middle = (playButton, play) => {
      const rows = trial.sounds.map((_, place) => row(playButton, place));
      const scale = make("div", { class: "scale", "aria-hidden": "true" }, ...QUALITY.map(word => make("span", {}, word)));
      trial.sounds.slice(0, listening.BEST).forEach((_, place) => {
        keys[String(place + 1)] = () => { play(place); rows[place].querySelector("input").focus(); };
      });
      keys.r = () => play(-1);
      return make("div", { class: "mushra" }, playButton(-1, "Reference", "play the reference"),
        make("div", { class: "row head" }, make("span"), scale, make("span")), ...rows);
    };
    const missing = () => `Not rated yet: ${scores.filter(score => score === null).length} of ${scores.length}`;
    frame(trial, middle, () => !scores.includes(null), missing, () => scores);
  }

  function showAbx(trial) {
    let chosen = null;
    const middle = (playButton, play) => {
      const plays = ["A", "B", "X"].map((letter, place) => playButton(place, letter, `play ${letter}`));
      const choices = ["A", "B"].map((letter, place) => make("button", { type: "button", class: "choice", "aria-pressed": false,
        click: () => choose(place) }, `X is ${letter}`));
      function choose(place) {
        chosen = place;
        choices.forEach((one, i) => one.setAttribute("aria-pressed", i === place));
        refresh();
      }
      ["a", "b", "x"].forEach((letter, place) => { keys[letter] = () => play(place); });
      keys.ArrowLeft = () => choose(0);
      keys.ArrowRight = () => choose(1);
      return make("div", { class: "abx" }, make("div", { class: "plays" }, ...plays), make("div", { class: "choices" }, ...choices));
    };
    frame(trial, middle, () => chosen !== null, () => "Which one is X?", () => chosen);
  }

  function showMos(trial) {
    let score = null;
    const middle = () => {
      const choices = QUALITY.map((word, i) => make("button", { type: "button", class: "choice", "aria-pressed": false,
        click: () => rate(i + 1) }, make("b", {}, String(i + 1)), word));
      function rate(value) {
        score = value;
        choices.forEach((one, i) => one.setAttribute("aria-pressed", i + 1 === value));
        refresh();
      }
      choices.forEach((_, i) => { keys[String(i + 1)] = () => rate(i + 1); });
      return make("div", { class: "mos" }, ...choices);
    };
    frame(trial, middle, () => score !== null, () => "Not rated yet", () => [score]);
  }

  // ---- The last screen

  function end() {
    keys = {};
    refresh = () => {};
    const text = listening.csv(state.table);
    const file = `${content.page}_${state.listener.replace(/[^\p{L}\p{N}_-]+/gu, "_")}.csv`;
    const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    const link = make("a", { class: "main", href: address, download: file, click: () => { saved = true; forget(); } },
      "Download the results");
    show(make("h1", { tabindex: -1 }, "Thank you"),
      make("p", {}, "Download the results and send the file to the person who asked you to listen."), link,
      make("details", {}, make("summary", {}, "The results as text"), make("pre", { tabindex: 0 }, text)),
      make("p", {}, make("button", { type: "button", click: () => { forget(); saved = true; begin(); } }, "Another listener")));
  }

  document.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { target } = event;
    const typing = target.tagName === "INPUT" && target.type !== "range";
    // A focused button keeps its own keys, a slider its arrows.
    const own = target.tagName === "BUTTON" || target.tagName === "SUMMARY" || target.tagName === "A";
    const plays = target.classList.contains("play") && event.key === " "; // Space stops what its button has started
    if (typing || (own && !plays && [" ", "Enter"].includes(event.key))) return;
    if (target.type === "range" && event.key.startsWith("Arrow")) return;
    const act = keys[event.key] ?? keys[event.key.toLowerCase()];
    if (act) { event.preventDefault(); act(); }
  });
  window.addEventListener("beforeunload", event => { if (!saved) event.preventDefault(); });
  begin();
}

if (typeof document === "undefined") module.exports = listening;
else showTest();
