// A companion's portrait, or the first letter of the name.

import { el } from "./dom.js";

/** @param {{name: string, portrait?: boolean}} companion @param {string} address */
export function face(companion, address) {
  if (!companion.portrait) return letter(companion.name);
  const image = el("img", { class: "face", src: address, alt: "", width: 160, height: 160 });
  image.addEventListener("error", () => image.replaceWith(letter(companion.name)));
  return image;
}

/** @param {string} name */
function letter(name) {
  const first = [...new Intl.Segmenter().segment(name.trim())][0]?.segment ?? "";
  return el("span", { class: "face letter", "aria-hidden": "true" }, first.toLocaleUpperCase());
}
