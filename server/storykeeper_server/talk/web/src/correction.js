// Telling the keeper that something isn't right.

import { companionPath, post } from "./api.js";
import { el } from "./dom.js";
import { explained } from "./problems.js";

const LONGEST = 300; // as the server has it

/** @param {any} companion @param {import("./words.js").Words} words */
export function correction(companion, words) {
  const field = el("textarea", { id: "correction", rows: 3, maxlength: LONGEST, required: true, "aria-describedby": "correction-lead" });
  const send = el("button", {}, words("report_send"));
  const answer = el("p", { role: "status", class: "answer" });
  const form = el(
    "form",
    { submit },
    el("p", { id: "correction-lead", class: "hint" }, words("report_lead")),
    el("label", { for: "correction" }, words("report_label")),
    field,
    send,
    answer,
  );
  return el("section", { class: "correction" }, el("details", {}, el("summary", {}, el("h2", {}, words("report"))), form));

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    const text = field.value.trim();
    if (!text) return field.focus();
    send.disabled = true;
    answer.textContent = await outcome(text);
    send.disabled = false;
  }

  /** @param {string} text */
  async function outcome(text) {
    try {
      await post(companionPath(companion.id, "corrections"), { text });
    } catch (error) {
      return explained(error, words);
    }
    field.value = "";
    return words("report_thanks");
  }
}
