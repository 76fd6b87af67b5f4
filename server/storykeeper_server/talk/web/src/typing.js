// Writing to the companion, instead of speaking or between.

import { el } from "./dom.js";

const LONGEST = 2000;
const BUSY_EVERY = 2000;

export class Typing {
  /**
   * @param {import("./words.js").Words} words
   * @param {{say: (text: string) => void, busy: () => void}} on
   */
  constructor(words, on) {
    this.on = on;
    this.told = 0;
    this.field = el("textarea", { id: "message", rows: 1, maxlength: LONGEST, placeholder: words("message"), enterkeyhint: "send", autocomplete: "off" });
    this.field.addEventListener("input", () => this.#busy());
    this.field.addEventListener("keydown", event => this.#key(event));
    const label = el("label", { for: "message", class: "unseen" }, words("message"));
    const send = el("button", { class: "primary" }, words("send"));
    this.form = el("form", { class: "typing", hidden: true, submit: event => this.#send(event) }, label, el("div", {}, this.field, send));
  }

  open() {
    this.form.hidden = false;
  }

  close() {
    this.form.hidden = true;
  }

  focus() {
    this.field.focus();
  }

  /** Enter sends, but not the one that ends a word in Chinese. @param {KeyboardEvent} event */
  #key(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.#send(event);
  }

  /** @param {Event} event */
  #send(event) {
    event.preventDefault();
    const text = this.field.value.trim();
    if (!text) return;
    this.field.value = "";
    this.on.say(text);
    this.field.focus();
  }

  #busy() {
    if (performance.now() - this.told < BUSY_EVERY) return;
    this.told = performance.now();
    this.on.busy();
  }
}
