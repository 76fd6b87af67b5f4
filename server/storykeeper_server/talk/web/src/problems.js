// What went wrong, in the visitor's words.

import { Problem } from "./api.js";

/**
 * A sentence about anything that was thrown.
 * @param {any} error
 * @param {import("./words.js").Words} words
 */
export function explained(error, words) {
  const code = error instanceof Problem ? error.code : caught(error);
  return words(`errors.${code}`) || error.message || words("errors.broken");
}

/** Whether typing would work where speaking didn't. @param {any} error */
export function aboutMicrophone(error) {
  return ["denied", "no_microphone", "microphone_taken", "insecure"].includes(error.code);
}

const MICROPHONE = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "no_microphone",
  OverconstrainedError: "no_microphone",
  NotReadableError: "microphone_taken",
  AbortError: "microphone_taken",
};

/** A Problem for what the client throws when a session doesn't start. @param {any} error */
export function refusal(error) {
  if (error instanceof Problem) return error;
  if (error instanceof DOMException && error.name in MICROPHONE) return new Problem(MICROPHONE[error.name]);
  if ("closeCode" in error) return new Problem(closed(error.closeCode));
  return new Problem("broken");
}

/** A Problem for how a session ended, or null where it simply is over. @param {any} details */
export function ending(details) {
  if (details.reason !== "error") return null;
  return new Problem(navigator.onLine ? closed(details.closeCode) : "offline");
}

/** @param {number | undefined} code */
function closed(code) {
  if (code === 3000) return "expired";
  if (code === 1008 || code === 1002) return "busy";
  return "lost";
}

/** @param {any} error */
function caught(error) {
  return refusal(error).code;
}
