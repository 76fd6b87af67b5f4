// What both pages have: language, title, the notes at the end, and a place for a problem.

import { byId, el } from "./dom.js";

/**
 * @param {string} language
 * @param {string} title
 * @param {import("./words.js").Words} words
 */
export function setFrame(language, title, words) {
  document.documentElement.lang = language;
  document.title = title;
  byId("skip").textContent = words("skip");
  byId("crisis").setAttribute("aria-labelledby", "crisis-title");
}

/** @param {import("./words.js").Words} words @param {boolean} sandbox */
export function setFooter(words, sandbox) {
  byId("footer").replaceChildren(
    el("p", {}, words("ai_everywhere")),
    el("p", {}, words(sandbox ? "sandbox" : "service")),
    el("p", {}, words("adults")),
  );
}

/** Instead of the page: what is wrong, and a way on. @param {string} text @param {...Node} ways */
export function showProblem(text, ...ways) {
  const title = el("h1", { tabindex: "-1" }, text);
  byId("skip").href = "#main";
  byId("main").replaceChildren(el("section", { class: "problem" }, title, el("p", { class: "ways" }, ...ways)));
  title.focus();
}
