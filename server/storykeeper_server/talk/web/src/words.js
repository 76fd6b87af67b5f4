// The page's words: those that the server sends, and a few built in for when it can't be reached.

import BUILT_IN from "words:built-in";

/** @typedef {(key: string, values?: Record<string, string | number>) => string} Words */

/** The language built in that fits the browser best. */
export function ownLanguage() {
  const wanted = navigator.languages.map(tag => tag.slice(0, 2).toLowerCase());
  return wanted.find(code => code in BUILT_IN) ?? "en";
}

/**
 * A table as a function: `words("time", {minutes: 30})`; parts of a table are reached by a dot.
 * @param {Record<string, any>} table
 * @param {Record<string, string>} always values that are always known
 * @returns {Words}
 */
export function wording(table, always = {}) {
  return (key, values = {}) => fill(found(table, key) ?? found(builtIn(), key) ?? "", { ...always, ...values });
}

/** What is there without a server: refusals and the crisis lines. */
export function builtIn(language = ownLanguage()) {
  return BUILT_IN[language] ?? BUILT_IN.en;
}

/** @param {string} code @param {string} language */
export function languageName(code, language) {
  try {
    return new Intl.DisplayNames([language], { type: "language" }).of(code) ?? code;
  } catch {
    return code;
  }
}

/** @param {Record<string, any>} table @param {string} key @returns {string | undefined} */
function found(table, key) {
  const value = key.split(".").reduce((part, name) => (Object.hasOwn(part ?? {}, name) ? part[name] : undefined), /** @type {any} */ (table));
  return typeof value === "string" ? value : undefined;
}

/** @param {string} text @param {Record<string, string | number>} values */
function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, key) => (Object.hasOwn(values, key) ? String(values[key]) : whole));
}
