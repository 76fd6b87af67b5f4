// The gallery: a voice card for each companion.

import "./talk.css";

import { companionPath, get } from "./api.js";
import { fillCrisis, prepareCrisis } from "./crisis.js";
import { byId, el } from "./dom.js";
import { setFooter, setFrame, showProblem } from "./frame.js";
import { face } from "./face.js";
import { explained } from "./problems.js";
import { wave } from "./waves.js";
import { builtIn, languageName, ownLanguage, wording } from "./words.js";

prepareCrisis();
await show();

async function show() {
  const own = ownLanguage();
  fillCrisis(wording(builtIn(own)), builtIn(own).numbers);
  try {
    const found = await get("/api/companions");
    fill(found, found.language ?? own);
  } catch (error) {
    const words = wording(builtIn(own));
    showProblem(explained(error, words), el("button", { class: "primary", click: () => location.reload() }, words("again")));
  }
}

/** @param {any} found @param {string} language */
function fill(found, language) {
  const words = wording(found.words ?? {});
  setFrame(language, words("gallery"), words);
  fillCrisis(words, builtIn(language).numbers);
  const cards = found.companions.map(each => card(each, words, language));
  byId("main").replaceChildren(
    el("h1", {}, words("gallery")),
    el("p", { class: "lead" }, words(cards.length ? "gallery_lead" : "gallery_empty")),
    el("ul", { class: "cards" }, cards.map(each => el("li", {}, each))),
  );
  setFooter(words, found.sandbox);
}

/**
 * A card. One of a paused companion leads nowhere.
 * @param {any} companion
 * @param {import("./words.js").Words} words
 * @param {string} language
 */
function card(companion, words, language) {
  const paused = companion.state !== "ready";
  const tongue = languageName(companion.language, language);
  const told = [companion.relation, tongue].filter(Boolean).join(" · ");
  const parts = [
    face(companion, companionPath(companion.id, "portrait")),
    el("span", { class: "name", dir: "auto" }, companion.name),
    el("span", { class: "told", dir: "auto" }, told),
    wave(companion.id),
    el("span", { class: "badge" }, words(paused ? "paused" : "ai")),
  ];
  if (paused) return el("div", { class: "card paused" }, parts);
  return el("a", { class: "card", href: `/c/${encodeURIComponent(companion.id)}` }, parts);
}
