// The page of sounds: waveform, features, truth and predictions on one time axis.
import WaveSurfer from "wavesurfer.js";
import Regions from "wavesurfer.js/dist/plugins/regions.esm.js";
import Timeline from "wavesurfer.js/dist/plugins/timeline.esm.js";
import { drop, get, post } from "./api.js";
import { COLOURS, complain, h, nameOf, put, shortened } from "./dom.js";
import { lane } from "./lanes.js";

const FEATURES = ["hcqt", "logmel", "cqt", "chroma"];
const MAKES = /generation|gan|flow|diffusion/;

// A ruler with some ten numbers, however long the recording is.
function timeline(duration) {
  const label = [1, 2, 5, 10, 30, 60, 120].find((one) => duration / one <= 14) ?? 300;
  return Timeline.create({ height: 18, timeInterval: label / 2, primaryLabelInterval: label, secondaryLabelOpacity: 0 });
}

export function listenPage(page, studio) {
  const now = { sound: null, wave: null, loop: null, original: "" };
  const files = h("select", { "aria-label": "open a recording", onchange: () => files.value && open(...JSON.parse(files.value)) });
  const picker = h("input", { type: "file", accept: "audio/*", hidden: true, onchange: () => picker.files[0] && dropped(picker.files[0]) });
  const title = h("strong.file", {}, "no recording yet");
  const play = h("button.primary", { type: "button", id: "play", disabled: true, onclick: () => now.wave?.playPause() }, "▶ Play");
  const looping = h("input", { type: "checkbox", id: "loop", onchange: loop });
  const speed = h("input", { type: "range", min: "0.25", max: "2", step: "0.05", value: "1", "aria-label": "speed", oninput: () => now.wave?.setPlaybackRate(Number(speed.value), true) });
  const clock = h("span.clock", { role: "timer" }, "0.00 s");
  const source = h("select", { "aria-label": "what is heard", disabled: true, onchange: () => hear(source.value) });
  const host = h("div.wave", { id: "wave" }, h("p.empty", {}, "Open a recording or a corpus above, or drop a file here."));
  const layers = h("div.layers", { id: "layers-of-sound" });
  const features = h("div.features", { id: "features" });
  const results = h("div.results", { id: "results" });
  const sounds = h("div.sounds", { id: "sounds" });
  const models = [0, 1].map((i) => h("select", { "aria-label": `model ${i + 1}`, id: `model-${i + 1}` }));
  const predicting = h("button.primary", { type: "button", id: "predict", disabled: true, onclick: predict }, "Predict");
  const kinds = FEATURES.map((name) => h("button", { type: "button", disabled: true, onclick: (event) => picture(name, event.target) }, name));
  const makers = h("select", { "aria-label": "model that makes sounds", onchange: conditions });
  const form = h("div.conditions", {});
  const count = h("input", { type: "number", min: "1", max: "8", value: "2", "aria-label": "how many" });
  const seed = h("input", { type: "number", min: "0", value: "0", "aria-label": "seed" });
  const generating = h("button.primary", { type: "button", id: "generate", onclick: generate }, "Generate");
  const cursor = h("div.cursor", { "aria-hidden": "true", hidden: true });
  const stage = h("div.stage", {}, host, features, layers, results, cursor);

  put(page,
    h("div.bar", {}, title, files, h("button", { type: "button", onclick: () => picker.click() }, "From this computer …"), picker),
    h("div.bar", {}, play, clock, h("label", {}, looping, " loop a stretch"), h("label", {}, "speed ", speed), h("label", {}, "hear ", source)),
    h("div.bar", {}, h("b", {}, "features"), kinds, h("b", {}, "models"), models, predicting),
    stage, sounds,
    h("details.maker", {}, h("summary", {}, "Generate sounds"), h("div.bar", {}, makers, h("label", {}, "how many ", count), h("label", {}, "seed ", seed), generating), form));

  stage.addEventListener("dragover", (event) => event.preventDefault());
  page.addEventListener("dragover", (event) => event.preventDefault());
  page.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files[0]) dropped(event.dataTransfer.files[0]);
  });

  async function dropped(file) {
    title.textContent = `opening ${file.name} …`;
    try {
      shown(await drop(file));
    } catch (error) {
      title.textContent = "no recording yet";
      complain(error);
    }
  }

  async function open(path, key) {
    try {
      if (key === null) return await corpus(path);
      title.textContent = `opening ${nameOf(key || path)} …`;
      shown(await post("/api/open", { path, key }));
    } catch (error) {
      title.textContent = "no recording yet";
      complain(error);
    }
  }

  async function corpus(path) {
    const name = nameOf(path);
    title.textContent = `opening ${name} …`;
    const { tracks } = await post("/api/tracks", { path });
    title.textContent = now.sound ? now.sound.title : "no recording yet";
    put(files, h("option", { value: "" }, `a recording of ${name} …`), tracks.map((one) => option([path, one.key], `${one.key} (${one.duration_s.toFixed(1)} s)`)), h("option", { value: "" }, "—"), h("option", { value: JSON.stringify([path, null]) }, name));
    list(tracks.length ? 1 : 0);
  }

  const option = (value, words) => h("option", { value: JSON.stringify(value) }, words);

  function shown(found) {
    now.sound = found;
    now.original = `/session/${found.sound}`;
    title.textContent = `${found.title} · ${found.duration_s.toFixed(2)} s · ${found.sr_hz} Hz · ${found.channels === 1 ? "mono" : `${found.channels} channels`}${found.cut ? " · the first 15 min" : ""}`;
    put(features);
    put(results);
    put(sounds);
    put(source, h("option", { value: now.original }, "the recording"));
    put(layers, found.truth.map((one) => lane(one, found.duration_s, "truth", "var(--green)")));
    for (const button of [play, predicting, source, ...kinds]) button.disabled = false;
    cursor.hidden = false;
    put(host);
    wave();
  }

  function wave() {
    now.wave?.destroy();
    now.loop = null;
    const style = getComputedStyle(document.documentElement);
    const nonce = document.querySelector('meta[name="csp-nonce"]').content;
    const regions = Regions.create();
    now.regions = regions;
    now.wave = WaveSurfer.create({
      container: host,
      url: now.original,
      height: 96,
      waveColor: style.getPropertyValue("--line-strong").trim(),
      progressColor: style.getPropertyValue("--blue").trim(),
      cursorWidth: 0,
      normalize: true,
      cspNonce: nonce,
      plugins: [regions, timeline(now.sound.duration_s)],
    });
    now.wave.on("play", () => (play.textContent = "❚❚ Pause"));
    now.wave.on("pause", () => (play.textContent = "▶ Play"));
    now.wave.on("timeupdate", at);
    now.wave.on("error", complain);
    regions.enableDragSelection({ color: "rgba(90, 140, 190, .2)" });
    regions.on("region-created", (region) => {
      for (const other of regions.getRegions()) if (other !== region) other.remove();
      now.loop = region;
      looping.checked = true;
    });
    regions.on("region-out", (region) => looping.checked && region === now.loop && now.wave.isPlaying() && region.play());
    at(0);
  }

  function at(seconds) {
    clock.textContent = `${seconds.toFixed(2)} s`;
    cursor.style.setProperty("left", `${(100 * seconds) / now.sound.duration_s}%`);
  }

  function loop() {
    if (looping.checked && !now.loop && now.wave) {
      const begin = now.wave.getCurrentTime();
      now.regions.addRegion({ start: begin, end: Math.min(now.sound.duration_s, begin + 2), color: "rgba(90, 140, 190, .2)" });
    }
    if (!looping.checked && now.loop) {
      now.loop.remove();
      now.loop = null;
    }
  }

  // Another sound of the same length at the same time: the recording, or what was predicted of it.
  async function hear(url) {
    const time = now.wave.getCurrentTime();
    const playing = now.wave.isPlaying();
    await now.wave.load(url);
    now.wave.setTime(time);
    if (playing) now.wave.play();
  }

  layers.addEventListener("click", seek);
  results.addEventListener("click", seek);
  features.addEventListener("click", seek);
  function seek(event) {
    const box = stage.getBoundingClientRect();
    now.wave?.setTime(((event.clientX - box.left) / box.width) * now.sound.duration_s);
  }

  async function busy(button, work) {
    const words = button.textContent;
    button.disabled = true;
    button.textContent = `${words} …`;
    try {
      await work();
    } catch (error) {
      complain(error);
    } finally {
      button.disabled = false;
      button.textContent = words;
    }
  }

  function picture(kind, button) {
    return busy(button, async () => {
      const found = await post("/api/picture", { sound: now.sound.sound, kind, model: "" });
      features.append(h("figure", {}, h("figcaption", {}, kind), h("img", { src: `/session/${found.picture}`, alt: `${kind} of the recording` })));
    });
  }

  function predict() {
    return busy(predicting, async () => {
      put(results);
      put(sounds);
      // What an earlier prediction sounded like goes with it.
      if (source.value !== now.original) await hear(now.original);
      put(source, h("option", { value: now.original }, "the recording"));
      const chosen = [...new Set(models.map((one) => one.value).filter(Boolean))];
      for (const [i, model] of chosen.entries()) {
        const task = now.models.find((one) => one.name === model)?.task;
        if (task === "separation") await stems(model);
        else await layersOf(model, COLOURS[i]);
      }
    });
  }

  async function layersOf(model, colour) {
    const found = await post("/api/predict", { sound: now.sound.sound, model });
    results.append(h("div.answer", {}, h("b", {}, nameOf(model)), ` ${found.answer}`));
    results.append(...found.layers.map((one) => lane(one, now.sound.duration_s, nameOf(model), colour)));
    if (found.sonified) source.append(h("option", { value: `/session/${found.sonified.sound}` }, `left: the recording, right: ${nameOf(model)}`));
  }

  async function stems(model) {
    const found = await post("/api/separate", { sound: now.sound.sound, model });
    for (const one of found.stems) {
      source.append(h("option", { value: `/session/${one.sound}` }, `${one.title} (${nameOf(model)})`));
      sounds.append(player(one));
    }
  }

  const player = (one) => h("figure.sound", {}, h("figcaption", {}, one.title), h("audio", { controls: true, preload: "metadata", src: `/session/${one.sound}`, "aria-label": one.title }));

  async function conditions() {
    if (!makers.value) return;
    try {
      const found = await post("/api/conditions", { model: makers.value });
      put(form, Object.entries(found.conditions).map(([name, values]) => h("label", {}, `${name} `, h("select", { "data-condition": name }, h("option", { value: "" }, "any"), values.map((one) => h("option", { value: JSON.stringify(one) }, String(one)))))));
    } catch (error) {
      complain(error);
    }
  }

  function generate() {
    return busy(generating, async () => {
      const asked = {};
      for (const one of form.querySelectorAll("select")) if (one.value) asked[one.dataset.condition] = JSON.parse(one.value);
      const found = await post("/api/generate", { model: makers.value, n: Number(count.value), seed: Number(seed.value), asked });
      put(sounds, found.sounds.map(player));
    });
  }

  async function list(chosen = 0) {
    const found = await get("/api/files");
    const words = (path) => shortened(path, found.folders);
    if (!chosen) put(files, h("option", { value: "" }, "Open …"), h("optgroup", { label: "recordings" }, found.audio.map((path) => option([path, ""], words(path)))), h("optgroup", { label: "corpora" }, found.corpora.map((path) => option([path, null], words(path)))));
    now.models = (await get("/api/models")).models;
    const hearing = now.models.filter((one) => !MAKES.test(one.task) && !["codec", "self_supervised", "covers"].includes(one.task));
    // A model that was chosen stays; at first it is the run that the studio was opened with.
    const before = models.map((select, i) => select.value || (i ? "" : studio.start.run ?? ""));
    models.forEach((select, i) => put(select, i ? h("option", { value: "" }, "none") : null, hearing.map((one) => h("option", { value: one.name }, `${words(one.name)} (${one.task.replaceAll("_", " ")})`))));
    models.forEach((select, i) => [...select.options].some((one) => one.value === before[i]) && (select.value = before[i]));
    const making = now.models.filter((one) => MAKES.test(one.task));
    put(makers, h("option", { value: "" }, "a model …"), making.map((one) => h("option", { value: one.name }, one.name)));
  }

  addEventListener("theme", () => now.sound && wave());
  list().catch(complain);
  return {};
}
