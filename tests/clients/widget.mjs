// The <elevenlabs-convai> element in a page, used as a visitor would: by what it shows.
//
// A step is {click: a button's name}, {write: a message} or {shown: a text to wait for}.

import { visit } from "./chromium.mjs";
import { program } from "./program.mjs";

const LONGEST_WAIT = 60_000;

function find(page, role, name = "") {
  return page.locator(`::-p-aria([role="${role}"]${name && `[name="${name}"]`})`).setTimeout(LONGEST_WAIT);
}

async function write(page, text) {
  await find(page, "textbox").fill(text);
  await page.keyboard.press("Enter");
}

/** Wait for a text, which the widget may have cut into elements of a word each. */
async function shown(page, text) {
  const shows = wanted => {
    const parts = [...document.querySelector("elevenlabs-convai").shadowRoot.children];
    return parts.some(part => part.innerText?.includes(wanted));
  };
  await page.waitForFunction(shows, { timeout: LONGEST_WAIT }, text);
}

async function take(step, page, tell) {
  if (step.click) await find(page, "button", step.click).click();
  else if (step.write) await write(page, step.write);
  else if (step.shown) await shown(page, step.shown);
  else throw new Error(`no such step: ${JSON.stringify(step)}`);
  tell({ event: "visitor", ...step });
}

await program((given, tell) =>
  visit(given, tell, async page => {
    for (const step of given.scenario.steps) await take(step, page, tell);
  }),
);
