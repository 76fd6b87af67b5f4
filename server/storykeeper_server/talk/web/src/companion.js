// A companion's page.

import "./talk.css";

import { Problem, companionPath, get } from "./api.js";
import { photos, topics } from "./beginnings.js";
import { Talk } from "./conversation.js";
import { correction } from "./correction.js";
import { fillCrisis, prepareCrisis } from "./crisis.js";
import { byId, drawn, el } from "./dom.js";
import { face } from "./face.js";
import { setFooter, setFrame, showProblem } from "./frame.js";
import { explained } from "./problems.js";
import { builtIn, ownLanguage, wording } from "./words.js";

prepareCrisis();
await show();

async function show() {
  const own = ownLanguage();
  fillCrisis(wording(builtIn(own)), builtIn(own).numbers);
  try {
    fill(await get(companionPath(asked())));
  } catch (error) {
    refuse(error, wording(builtIn(own)));
  }
}

/** The companion that the address names. Throws a Problem for what no address of ours would say. */
function asked() {
  try {
    return decodeURIComponent(location.pathname.split("/").at(-1) ?? "");
  } catch {
    throw new Problem("not_found");
  }
}

/** @param {any} companion */
function fill(companion) {
  const { language, name } = companion;
  const words = wording(companion.words ?? {}, { name, minutes: companion.max_minutes });
  setFrame(language, name, words);
  fillCrisis(words, companion.crisis.numbers);
  byId("home").replaceChildren(arrow(), el("span", { class: "way" }, words("companions")));
  byId("ai").replaceChildren(words("ai_name"));
  setFooter(words, companion.sandbox);
  if (companion.state !== "ready") return showProblem(words("errors.paused"), home(words));
  byId("main").replaceChildren(...parts(companion, words));
}

/** @param {any} companion @param {import("./words.js").Words} words */
function parts(companion, words) {
  const talk = new Talk(companion, words);
  const begin = chosen => talk.begin(chosen);
  const beside = [topics(companion, words, begin), photos(companion, words, begin), correction(companion, words)];
  const hero = el(
    "div",
    { class: "hero" },
    face(companion, companionPath(companion.id, "portrait")),
    el("div", {}, el("h1", { dir: "auto" }, companion.name), el("p", { class: "notice", role: "note" }, words("notice"))),
  );
  return [hero, talk.root, el("div", { class: "beside" }, ...beside)];
}

/** @param {unknown} error @param {import("./words.js").Words} words */
function refuse(error, words) {
  const again = el("button", { type: "button", class: "primary", click: () => location.reload() }, words("again"));
  const lasting = error instanceof Problem && error.code === "not_found";
  showProblem(explained(error, words), ...(lasting ? [] : [again]), home(words));
}

/** @param {import("./words.js").Words} words */
function home(words) {
  return el("a", { class: "button", href: "/" }, words("companions"));
}

function arrow() {
  const line = drawn("path", { d: "M11 4 4 11l7 7M4 11h15" });
  return drawn("svg", { class: "arrow", viewBox: "0 0 22 22", "aria-hidden": "true" }, line);
}
