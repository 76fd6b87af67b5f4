// What is known of the microphone before anybody is asked. The asking itself is the client's.

import { Problem } from "./api.js";

/** Whether the browser would ask. Throws a Problem where it can't, or was told never to. */
export async function mustBeAsked() {
  if (!navigator.mediaDevices?.getUserMedia) throw new Problem("insecure");
  const state = await permission();
  if (state === "denied") throw new Problem("denied");
  return state !== "granted";
}

/** @returns {Promise<string>} */
async function permission() {
  try {
    return (await navigator.permissions.query({ name: /** @type {any} */ ("microphone") })).state;
  } catch {
    return "prompt"; // a browser that doesn't say
  }
}
