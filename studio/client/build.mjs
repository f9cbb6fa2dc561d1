// Bundles the page into ../static: the same sources and versions give the same bytes.
import { build } from "esbuild";
import { readFileSync, writeFileSync, readdirSync, existsSync } from "node:fs";

const out = process.argv[2] ?? "../static";
await build({
  entryPoints: { studio: "src/main.js" },
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  outdir: out,
  logLevel: "warning",
});

// esbuild finds no comments to keep, so the licences come from the packages themselves.
const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
const parts = ["The studio's page contains these packages, each under its licence.\n"];
for (const [path, info] of Object.entries(lock.packages).sort()) {
  if (!path || info.dev || info.optional) continue;
  const file = readdirSync(path).find((name) => /^licen[cs]e/i.test(name));
  const text = file && existsSync(`${path}/${file}`) ? readFileSync(`${path}/${file}`, "utf8").trim() : "";
  const rule = "-".repeat(72);
  parts.push(`${rule}\n${path.replace("node_modules/", "")} ${info.version}, ${info.license}\n${rule}\n${text}\n`);
}
writeFileSync(`${out}/NOTICE`, parts.join("\n"));
