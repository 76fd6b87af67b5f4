// Making elements. Text only ever becomes text: nothing here reads HTML.

/** @typedef {string | number | boolean | null | undefined | ((event: any) => void)} Value */

/**
 * An element with attributes, listeners (values that are functions) and children.
 * @param {string} name
 * @param {Record<string, Value>} [attributes]
 * @param {...(Node | string | null | false | undefined | (Node | string)[])} children
 * @returns {any}
 */
export function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) put(element, key, value);
  element.append(...present(children));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/**
 * A drawing, or a part of one.
 * @param {string} name
 * @param {Record<string, Value>} [attributes]
 * @param {...Node} children
 * @returns {SVGElement}
 */
export function drawn(name, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) put(element, key, value);
  element.append(...children);
  return element;
}

/** @type {(id: string) => any} */
export function byId(id) {
  return document.getElementById(id);
}

/** @param {Element} element @param {string} key @param {Value} value */
function put(element, key, value) {
  if (typeof value === "function") element.addEventListener(key, value);
  else if (typeof value === "boolean") element.toggleAttribute(key, value);
  else if (value !== null && value !== undefined) element.setAttribute(key, String(value));
}

/** @param {unknown[]} children @returns {(Node | string)[]} */
function present(children) {
  return /** @type {any[]} */ (children.flat().filter(child => child !== null && child !== false && child !== undefined));
}
