// What was said, line by line. Screen readers are told each new line when they have finished the last.

import { el } from "./dom.js";

export class Transcript {
  /** @param {HTMLElement} list @param {Record<"user" | "agent", string>} names @param {HTMLElement} dock what stays below */
  constructor(list, names, dock) {
    this.list = list;
    this.names = names;
    this.dock = dock;
    /** @type {HTMLElement | null} */
    this.latest = null;
    this.typed = "";
  }

  /** @param {"user" | "agent"} role @param {string} text */
  add(role, text) {
    if (!text.trim() || this.#echo(role, text)) return;
    const said = el("p", { class: "said", dir: "auto" }, text);
    this.#append(el("li", { class: role }, el("p", { class: "who" }, this.names[role]), said));
    if (role === "agent") this.latest = said;
  }

  /** A message that was typed here; the service may repeat it. @param {string} text */
  addTyped(text) {
    this.add("user", text);
    this.typed = text;
  }

  /** A photo to speak about. @param {string} address @param {string} caption */
  addPhoto(address, caption) {
    const figure = el("figure", {}, el("img", { src: address, alt: "" }), el("figcaption", { dir: "auto" }, caption));
    this.#append(el("li", { class: "shown" }, figure));
  }

  /** Numbers to call, which the companion has just named: seen wherever somebody reads. @param {Node} numbers */
  addHelp(numbers) {
    this.#append(el("li", { class: "help" }, numbers), true);
  }

  /** What the page itself says: time, and how the talk before this one ended. @param {string} text */
  note(text) {
    this.#append(el("li", { class: "note" }, el("p", {}, text)));
  }

  /** The companion was interrupted and said only this. @param {string} text */
  correct(text) {
    if (this.latest && text) this.latest.textContent = text;
  }

  /** @param {"user" | "agent"} role @param {string} text */
  #echo(role, text) {
    const same = role === "user" && this.typed === text;
    if (role === "user") this.typed = "";
    return same;
  }

  /** @param {HTMLElement} line @param {boolean} [must] be seen, whatever else is read */
  #append(line, must = false) {
    const { top, bottom, height } = this.dock.getBoundingClientRect();
    const followed = top >= 0 && bottom <= innerHeight + 1;
    this.list.append(line);
    if (!followed && !must) return; // somebody reads elsewhere
    line.style.scrollMarginBottom = `${height + 16}px`;
    line.scrollIntoView({ block: "nearest" });
  }
}
