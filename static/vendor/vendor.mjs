// Copies the browser libraries from npm into this folder, or checks that nobody changed them since.
//
//   node static/vendor/vendor.mjs          fetch the pinned packages, compile Bootstrap, copy, write manifest.json
//   node static/vendor/vendor.mjs --check  compare the files beside this script with manifest.json, offline
//
// `npm ci` refuses a package whose bytes do not match the sha512 in package-lock.json; manifest.json repeats
// those sums and adds one per copied file. A new version means: edit package.json, run
// `npm install --package-lock-only` here, run this script, look at the style guide, commit the whole folder.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const manifestPath = join(here, "manifest.json");

const COPIES = {
  "@alpinejs/csp": { "dist/cdn.min.js": "alpine/alpine-csp.min.js" },
  "@fontsource-variable/inter": {
    "files/inter-latin-wght-normal.woff2": "fonts/inter-latin.woff2",
    LICENSE: "fonts/inter.LICENSE.txt",
  },
  "@fontsource-variable/source-serif-4": {
    "files/source-serif-4-latin-wght-normal.woff2": "fonts/source-serif-4-latin.woff2",
    LICENSE: "fonts/source-serif-4.LICENSE.txt",
  },
  bootstrap: { LICENSE: "bootstrap/LICENSE.txt" },
  "htmx.org": { "dist/htmx.min.js": "htmx/htmx.min.js", LICENSE: "htmx/LICENSE.txt" },
  uplot: {
    "dist/uPlot.iife.min.js": "uplot/uplot.min.js",
    LICENSE: "uplot/LICENSE.txt",
  },
};
// Compiled or wrapped here, or written by hand because the package ships no license file.
const MADE = ["bootstrap/bootstrap.min.css", "uplot/uplot.min.css", "alpine/LICENSE.txt"];
const LAYERS = "@layer bootstrap,base,components,utilities;";

const sha512 = (path) => `sha512-${createHash("sha512").update(readFileSync(path)).digest("base64")}`;
const files = () => [...Object.values(COPIES).flatMap((copy) => Object.values(copy)), ...MADE].sort();

async function compileBootstrap(modules) {
  const sass = await import(pathToFileURL(join(modules, "sass", "sass.node.mjs")).href);
  const compile = (name) =>
    sass
      .compile(join(here, "source", `${name}.scss`), {
        loadPaths: [modules],
        style: "compressed",
        quietDeps: true,
        logger: sass.Logger.silent,
      })
      .css.replace(/^\uFEFF|@charset "UTF-8";/g, "");
  const css = `${LAYERS}@layer bootstrap{${compile("bootstrap")}}@layer utilities{${compile("utilities")}}`;
  if (/url\(/.test(css)) throw new Error("The compiled CSS refers to a picture; pages allow none from data:.");
  const { version } = JSON.parse(readFileSync(join(modules, "bootstrap", "package.json"), "utf8"));
  mkdirSync(join(here, "bootstrap"), { recursive: true });
  writeFileSync(
    join(here, "bootstrap", "bootstrap.min.css"),
    `/*! Parts of Bootstrap v${version}, compiled by vendor.mjs. MIT, see LICENSE.txt */\n${css}\n`,
  );
}

// Outside every layer its rules would beat all of ours.
function layerUplot(modules) {
  const css = readFileSync(join(modules, "uplot", "dist", "uPlot.min.css"), "utf8").trim();
  writeFileSync(join(here, "uplot", "uplot.min.css"), `@layer bootstrap{${css}}\n`);
}

async function fetchAll() {
  const work = mkdtempSync(join(tmpdir(), "wayfork-vendor-"));
  try {
    for (const name of ["package.json", "package-lock.json", ".npmrc"]) cpSync(join(here, name), join(work, name));
    execFileSync("npm", ["ci", "--ignore-scripts"], { cwd: work, stdio: "inherit" });
    const modules = join(work, "node_modules");
    for (const [name, copy] of Object.entries(COPIES))
      for (const [from, to] of Object.entries(copy)) {
        mkdirSync(dirname(join(here, to)), { recursive: true });
        cpSync(join(modules, name, from), join(here, to));
      }
    await compileBootstrap(modules);
    layerUplot(modules);
    writeManifest();
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function writeManifest() {
  const lock = JSON.parse(readFileSync(join(here, "package-lock.json"), "utf8")).packages;
  const packages = {};
  for (const name of [...Object.keys(COPIES), "sass"].sort()) {
    const { version, integrity, license } = lock[`node_modules/${name}`];
    packages[name] = { version, license, integrity };
  }
  const sums = Object.fromEntries(files().map((path) => [path, sha512(join(here, path))]));
  writeFileSync(manifestPath, `${JSON.stringify({ packages, files: sums }, null, 2)}\n`);
}

function check() {
  const manifest = JSON.parse(readFileSync(manifestPath, "utf8"));
  const wrong = files().filter((path) => manifest.files[path] !== sha512(join(here, path)));
  for (const path of wrong) console.error(`${path} is not the file that manifest.json describes.`);
  process.exitCode = wrong.length ? 1 : 0;
}

if (process.argv.includes("--check")) check();
else await fetchAll();
