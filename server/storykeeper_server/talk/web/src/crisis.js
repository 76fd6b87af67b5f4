// Help from people: one button away in every state, with or without a server.

import { byId, el } from "./dom.js";

/** @typedef {{number: string, name: string, where: string}} Helpline */

/**
 * Fills the dialog and its button, in the shell from the start.
 * @param {import("./words.js").Words} words
 * @param {Helpline[]} numbers
 */
export function fillCrisis(words, numbers) {
  const dialog = byId("crisis");
  byId("crisis-button").replaceChildren(symbol(), el("span", {}, words("crisis")));
  dialog.replaceChildren(
    el("h2", { id: "crisis-title", tabindex: "-1" }, words("crisis_title")),
    el("p", {}, words("crisis_lead")),
    helplines(numbers),
    el("form", { method: "dialog" }, el("button", { class: "primary" }, words("close"))),
  );
}

/** Before anything else is known. */
export function prepareCrisis() {
  const dialog = byId("crisis");
  byId("crisis-button").addEventListener("click", () => dialog.showModal());
  dialog.addEventListener("click", event => event.target === dialog && dialog.close());
}

/** @param {Helpline[]} numbers */
export function helplines(numbers) {
  return el("ul", { class: "numbers" }, numbers.map(line));
}

/**
 * Whether a text sends somebody to these lines: it names two of them, or one that is too long to be anything else.
 * @param {string} text @param {Helpline[]} numbers
 */
export function sendsToHelp(text, numbers) {
  const named = numbers.filter(({ number }) => new RegExp(`(?<!\\d)${number.replaceAll(" ", "[ -]?")}(?!\\d)`).test(text));
  return named.length > 1 || named.some(({ number }) => number.length > 4);
}

/** @param {Helpline} helpline */
function line({ number, name, where }) {
  const call = el("a", { href: `tel:${number.replace(/[^\d+]/g, "")}` }, number);
  return el("li", {}, el("span", {}, name, where && el("span", { class: "where" }, where)), call);
}

function symbol() {
  return el("span", { class: "symbol", "aria-hidden": "true" }, "☎\uFE0E");
}
