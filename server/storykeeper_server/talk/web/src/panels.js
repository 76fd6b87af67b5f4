// What the conversation shows in each of its states; a panel's heading is where the focus goes.

import { drawn, el } from "./dom.js";
import { meter } from "./waves.js";

/** @typedef {import("./words.js").Words} Words */
/** @typedef {() => void} Act */

/**
 * @param {Words} words
 * @param {string} className
 * @param {Act} act
 */
function button(words, label, className, act) {
  return el("button", { type: "button", class: className, click: act }, words(label));
}

/** @param {...Node} buttons */
function ways(...buttons) {
  return el("div", { class: "ways" }, buttons);
}

/** @param {string} text */
function heading(text) {
  return el("h3", { tabindex: "-1" }, text);
}

/**
 * Before the first word.
 * @param {Words} words @param {Node | null} chosen @param {Node} drawing @param {{talk: Act, type: Act}} on
 */
export function idle(words, chosen, drawing, on) {
  const both = ways(button(words, "talk", "primary", on.talk), button(words, "type", "", on.type));
  return el("div", { class: "panel idle" }, chosen ?? drawing, both, el("p", { class: "hint" }, words("start_lead")));
}

/**
 * What the browser is about to ask, and why.
 * @param {Words} words @param {{go: Act, type: Act, cancel: Act}} on
 */
export function explaining(words, on) {
  const go = button(words, "microphone_go", "primary", on.go);
  const others = [button(words, "type", "", on.type), button(words, "cancel", "quiet", on.cancel)];
  return el(
    "div",
    { class: "panel" },
    heading(words("microphone_title")),
    el("p", {}, words("microphone_lead")),
    el("p", {}, words("microphone_only")),
    ways(go, ...others),
  );
}

/** @param {Words} words @param {boolean} voice @param {Act} cancel */
export function starting(words, voice, cancel) {
  const hint = voice && el("p", { class: "hint" }, words("microphone_allow"));
  const parts = [heading(words("connecting")), hint, ways(button(words, "cancel", "quiet", cancel))];
  return el("div", { class: "panel waiting" }, parts);
}

/**
 * How it ended; with buttons to begin again.
 * @param {Words} words @param {string} text @param {{talk: Act, type: Act}} on
 */
export function over(words, text, on) {
  const both = ways(button(words, "talk_again", "primary", on.talk), button(words, "type", "", on.type));
  return el("div", { class: "panel" }, heading(text), both);
}

/**
 * What went wrong; with what may work.
 * @param {Words} words @param {string} text @param {{talk: Act, type: Act}} on
 */
export function problem(words, text, on) {
  const sign = el("span", { class: "symbol", "aria-hidden": "true" }, "!");
  const told = el("div", { class: "problem" }, sign, heading(text));
  const both = ways(button(words, "again", "primary", on.talk), button(words, "type", "", on.type));
  return el("div", { class: "panel" }, told, both);
}

/**
 * While it goes on.
 * @param {Words} words @param {boolean} voice
 * @param {{stop: Act, mute: (off: boolean) => void, volume: (share: number) => void}} on
 */
export function live(words, voice, on) {
  const status = el("span", { class: "status" });
  const clock = el("span", { class: "clock", role: "timer" });
  const bars = meter();
  const stop = el("button", { type: "button", class: "primary stop", click: on.stop }, square(), words("stop"));
  const line = el("div", { class: "state" }, voice && bars.drawing, el("p", {}, status, clock), stop);
  const controls = voice && el("div", { class: "controls" }, muting(words, on.mute), loudness(words, on.volume));
  return {
    root: el("div", { class: "panel live" }, line, controls),
    stop,
    level: bars.show,
    /** @param {string} text @param {string} state */
    status(text, state) {
      status.textContent = text;
      line.dataset.state = state;
    },
    /** @param {string} text */
    clock(text) {
      clock.textContent = text;
    },
  };
}

/** @param {Words} words @param {(off: boolean) => void} mute */
function muting(words, mute) {
  const toggle = el("button", { type: "button", "aria-pressed": "false", click: turn }, words("mute"));
  return toggle;

  function turn() {
    const off = toggle.getAttribute("aria-pressed") !== "true";
    toggle.setAttribute("aria-pressed", String(off));
    mute(off);
  }
}

/** @param {Words} words @param {(share: number) => void} volume */
function loudness(words, volume) {
  const slider = el("input", { type: "range", min: 0, max: 100, step: 5, value: 100 });
  slider.addEventListener("input", () => volume(slider.valueAsNumber / 100));
  return el("label", { class: "volume" }, loudspeaker(), el("span", {}, words("volume")), slider);
}

/** Where there is little room, in the place of the word. */
function loudspeaker() {
  const line = drawn("path", { d: "M3 8v6h4l5 4V4L7 8zM15.5 8a4.5 4.5 0 0 1 0 6M18 5.5a8 8 0 0 1 0 11" });
  return drawn("svg", { class: "loudspeaker", viewBox: "0 0 22 22", "aria-hidden": "true" }, line);
}

function square() {
  return el("span", { class: "square", "aria-hidden": "true" });
}
