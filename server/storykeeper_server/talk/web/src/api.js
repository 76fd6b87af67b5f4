// Asking our own server. It is the only one that the page talks to, but for the conversation itself.

const LONGEST = 20_000;

/** Something that a visitor is told: `code` chooses our words, `message` is the server's. */
export class Problem extends Error {
  /** @param {string} code @param {string} [message] */
  constructor(code, message = "") {
    super(message);
    this.code = code;
  }
}

/** @param {string} path */
export function get(path) {
  return ask(path, { method: "GET" });
}

/** @param {string} path @param {object} body */
export function post(path, body) {
  const headers = { "Content-Type": "application/json", "X-Storykeeper": "talk" };
  return ask(path, { method: "POST", headers, body: JSON.stringify(body) });
}

/** @param {string} id @param {string[]} parts */
export function companionPath(id, ...parts) {
  return ["/api/companions", id, ...parts].map((part, index) => (index ? encodeURIComponent(part) : part)).join("/");
}

/** @param {string} path @param {RequestInit} request */
async function ask(path, request) {
  const response = await sent(path, request);
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  const error = answer?.error ?? {};
  throw new Problem(error.code ?? (response.status === 429 ? "rate_limited" : "broken"), error.message);
}

/** @param {string} path @param {RequestInit} request */
async function sent(path, request) {
  try {
    return await fetch(path, { ...request, cache: "no-store", signal: AbortSignal.timeout(LONGEST) });
  } catch {
    throw new Problem(navigator.onLine ? "unreachable" : "offline");
  }
}
