// The line of a voice: a drawing of its own for every companion, and one that moves while somebody speaks.

import { drawn } from "./dom.js";

const BARS = 32;
const STEP = 8;
const HEIGHT = 48;

/** A quiet drawing, the same for the same text each time; it says nothing that words don't. @param {string} text */
export function wave(text) {
  const random = sequence(text);
  const bars = Array.from({ length: BARS }, (_, place) => bar(place, lift(place) * (0.25 + 0.75 * random())));
  return drawn("svg", { class: "wave", viewBox: `0 0 ${BARS * STEP} ${HEIGHT}`, preserveAspectRatio: "xMinYMid", "aria-hidden": "true" }, ...bars);
}

/** Bars that follow `level` while shown. */
export function meter() {
  const bars = Array.from({ length: 5 }, (_, place) => bar(place, 0.12));
  const drawing = drawn("svg", { class: "meter", viewBox: `0 0 ${5 * STEP} ${HEIGHT}`, "aria-hidden": "true" }, ...bars);
  return {
    drawing,
    /** @param {number} level 0 to 1 */
    show(level) {
      bars.forEach((each, place) => stretch(each, Math.min(1, 0.12 + level * [1.6, 2.6, 3.2, 2.4, 1.5][place])));
    },
  };
}

/** @param {number} place @param {number} share */
function bar(place, share) {
  const made = drawn("rect", { x: place * STEP + 2, width: 4, rx: 2 });
  stretch(made, share);
  return made;
}

/** @param {SVGElement} bar @param {number} share */
function stretch(bar, share) {
  const tall = Math.max(4, share * HEIGHT);
  bar.setAttribute("height", tall.toFixed(1));
  bar.setAttribute("y", ((HEIGHT - tall) / 2).toFixed(1));
}

/** Louder in the middle, as a sentence is. @param {number} place */
function lift(place) {
  return Math.sin((Math.PI * (place + 1)) / (BARS + 1)) ** 0.7;
}

/** Numbers from 0 to 1 that follow from a text. @param {string} text */
function sequence(text) {
  let state = [...text].reduce((sum, letter) => Math.imul(sum ^ (letter.codePointAt(0) ?? 0), 16777619), 2166136261);
  return () => {
    state = Math.imul(state ^ (state >>> 15), 2246822519) + 0x9e3779b9;
    return ((state ^ (state >>> 13)) >>> 0) / 2 ** 32;
  };
}
