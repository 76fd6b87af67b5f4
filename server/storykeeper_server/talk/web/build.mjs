// Builds the page into ../assets: scripts and styles with hashed names, and the two HTML shells that load them.

import { cp, mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";
import { parse } from "smol-toml";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = join(here, "../assets");
const languages = join(here, "../../../../tools/storykeeper_tools/companion/languages");

const ALWAYS_THERE = ["errors", "crisis", "crisis_title", "crisis_lead", "close", "again", "companions"];

/** Words that must not depend on a server that answers. */
async function builtIn() {
  const found = {};
  for (const name of (await readdir(languages)).sort()) {
    const all = parse(await readFile(join(languages, name), "utf-8"));
    const kept = ALWAYS_THERE.filter(key => key in (all.talk ?? {})).map(key => [key, all.talk[key]]);
    if (kept.length) found[basename(name, ".toml")] = { ...Object.fromEntries(kept), numbers: called(all) };
  }
  return found;
}

/** Whom to call, as the server tells it. */
function called({ helplines }) {
  return helplines.lines.map(([number, name, where]) => ({ number, name, where }));
}

const words = {
  name: "words",
  setup(build) {
    build.onResolve({ filter: /^words:/ }, ({ path }) => ({ path, namespace: "words" }));
    build.onLoad({ filter: /.*/, namespace: "words" }, async () => ({
      contents: JSON.stringify(await builtIn()),
      loader: "json",
    }));
  },
};

// The client's resampler comes from another host unless it is told a path, which it isn't for what it plays.
const ELSEWHERE = /const LIBSAMPLERATE_JS = "https:[^"]+";/;
const RESAMPLER = 'import LIBSAMPLERATE_JS from "@alexanderolsen/libsamplerate-js/dist/libsamplerate.worklet.js?url";';

const ownResampler = {
  name: "own resampler",
  setup(build) {
    build.onLoad({ filter: /addLibsamplerateModule\.js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf-8");
      if (!ELSEWHERE.test(source)) throw new Error(`${path} isn't what this build knows: look where it loads from`);
      return { contents: source.replace(ELSEWHERE, RESAMPLER), loader: "js" };
    });
  },
};

/** `import path from "module?url"`: the file is copied, and its address imported. */
const files = {
  name: "files",
  setup(build) {
    build.onResolve({ filter: /\?url$/ }, async ({ path, resolveDir, kind }) => {
      const found = await build.resolve(path.slice(0, -"?url".length), { resolveDir, kind });
      return { ...found, namespace: "url", pluginData: found.path };
    });
    build.onLoad({ filter: /.*/, namespace: "url" }, async ({ path }) => ({
      contents: await readFile(path),
      loader: "file",
    }));
  },
};

/** What the licences of the packages inside ask to be kept with them. */
async function licences() {
  const { dependencies } = JSON.parse(await readFile(join(here, "package.json"), "utf-8"));
  const texts = Object.entries(dependencies).map(async ([name, version]) => {
    const folder = join(here, "node_modules", name);
    const file = (await readdir(folder)).find(each => each.startsWith("LICENSE"));
    return `${name} ${version}\n\n${await readFile(join(folder, file), "utf-8")}`;
  });
  return (await Promise.all(texts)).join("\n\n");
}

/** A shell with the names that the build gave. */
async function shell(name, made, outputs) {
  const page = Object.entries(outputs).find(([, { entryPoint }]) => entryPoint?.endsWith(`src/${name}.js`));
  if (!page) throw new Error(`there is no entry for ${name}`);
  const [script, { cssBundle }] = page;
  const html = await readFile(join(here, `${name}.html`), "utf-8");
  const named = html.replace("{script}", `/assets/${basename(script)}`).replace("{style}", `/assets/${basename(cssBundle)}`);
  await writeFile(join(out, made), named);
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: ["src/gallery.js", "src/companion.js"],
  outdir: out,
  bundle: true,
  splitting: true,
  format: "esm",
  minify: true,
  target: ["chrome111", "firefox115", "safari16.4"],
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  publicPath: "/assets",
  legalComments: "linked",
  alias: { "livekit-client": join(here, "src/no-livekit.js") },
  plugins: [words, ownResampler, files],
  metafile: true,
  logLevel: "warning",
});
await shell("gallery", "index.html", metafile.outputs);
await shell("companion", "companion.html", metafile.outputs);
await writeFile(join(out, "licenses.txt"), await licences());
await cp(join(here, "../../mcp/icon.svg"), join(out, "icon.svg"));
