// A page that somebody made with our snippets, used as a visitor would: by what it shows.
//
// A step is {send: a path to POST to}, {go: an address}, {click: a button's name}, {write: a message}, {shown: a text
// to wait for}, or {gone: a text that mustn't be there any more}.

import { browse } from "./chromium.mjs";
import { program } from "./program.mjs";

const LONGEST_WAIT = 60_000;

/** What can be found out from inside the page only: the microphones that were opened, and whether they are closed. */
function prepare() {
  globalThis.tracks = [];
  const open = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
  if (open) navigator.mediaDevices.getUserMedia = async wanted => {
    const stream = await open(wanted);
    globalThis.tracks.push(...stream.getTracks());
    return stream;
  };
}

function find(page, role, name = "") {
  return page.locator(`::-p-aria([role="${role}"]${name && `[name="${name}"]`})`).setTimeout(LONGEST_WAIT);
}

/** Everything that is to be read, inside of elements of others, too. */
function shows(text, wanted) {
  const inside = node => [node.innerText ?? "", ...[...node.querySelectorAll("*")].map(n => (n.shadowRoot ? [...n.shadowRoot.children].map(inside).join("\n") : ""))].join("\n");
  return inside(document.body).includes(text) === wanted;
}

const acts = {
  send: (page, path) => page.evaluate(async path => void (await fetch(path, { method: "POST" })), path),
  go: (page, url) => page.goto(url),
  click: (page, name) => find(page, "button", name).click(),
  shown: (page, text) => page.waitForFunction(shows, { timeout: LONGEST_WAIT }, text, true),
  gone: (page, text) => page.waitForFunction(shows, { timeout: LONGEST_WAIT }, text, false),
  write: async (page, text) => {
    await find(page, "textbox").fill(text);
    await page.keyboard.press("Enter");
  },
};

await program((given, tell) =>
  browse(given, tell, async page => {
    await page.evaluateOnNewDocument(prepare);
    for (const step of given.steps) {
      const [[name, value]] = Object.entries(step);
      await acts[name](page, value);
      tell({ event: "visitor", ...step });
    }
    tell({ event: "microphones", states: await page.evaluate(() => globalThis.tracks.map(track => track.readyState)) });
    const places = { page: await page.content(), address: page.url() };
    tell({ event: "left", signature: Object.keys(places).filter(place => places[place].includes("cvtkn_")) });
  }),
);
