// The talk page, used as a visitor would: by what it shows, by keyboard and by ear.
//
// A step is one of the functions below, by its name: {click: "Talk"}, {shown: "Listening"}, {view: {width: 320, ...}}.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { promisify } from "node:util";

import { browse } from "./chromium.mjs";
import { program } from "./program.mjs";

const LONGEST_WAIT = 60_000;
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** What can be found out from inside the page only. */
function prepare() {
  // The page's clock, which steps may put forward.
  const now = performance.now.bind(performance);
  globalThis.ahead = 0;
  performance.now = () => now() + globalThis.ahead;

  // Each microphone that was opened, to see whether it is closed again.
  globalThis.tracks = [];
  globalThis.asked = 0;
  const media = navigator.mediaDevices;
  const open = media?.getUserMedia.bind(media);
  if (open) media.getUserMedia = async wanted => {
    globalThis.asked += 1;
    const stream = await open(wanted);
    globalThis.tracks.push(...stream.getTracks());
    return stream;
  };
  // What is loaded for sound isn't reported as the page's.
  globalThis.modules = [];
  const add = globalThis.AudioWorklet?.prototype.addModule;
  if (add) AudioWorklet.prototype.addModule = async function (url) {
    await add.call(this, url);
    globalThis.modules.push(new URL(url, location.href).href);
  };
  globalThis.violations = [];
  document.addEventListener("securitypolicyviolation", ({ blockedURI, violatedDirective }) =>
    globalThis.violations.push(`${violatedDirective} ${blockedURI}`),
  );
}

/** What the page says to the service, but for sound and signs of life. */
async function listen(page, tell) {
  const network = await page.createCDPSession();
  network.on("Network.webSocketFrameSent", ({ response }) => {
    const { type, text } = JSON.parse(response.payloadData);
    if (text) tell({ event: "sent", type, text });
  });
  await network.send("Network.enable");
}

class Visitor {
  constructor(page, tell) {
    this.page = page;
    this.tell = tell;
    this.secrets = [];
    this.heard = 0;
    page.on("response", response => this.#response(response));
  }

  async #response(response) {
    const url = new URL(response.url());
    if (response.request().method() === "POST" && url.pathname.endsWith("/session") && response.ok()) {
      this.secrets.push((await response.json()).signed_url);
    }
    const bytes = (await response.buffer().catch(() => "")).length;
    this.tell({ event: "loaded", path: url.pathname, status: response.status(), bytes });
  }

  async open(url) {
    await this.page.goto(url);
  }

  /** Until nothing more is loaded. */
  async settled() {
    await this.page.waitForNetworkIdle({ idleTime: 200 });
  }

  #find(name, role) {
    return this.page.locator(`::-p-aria(${name}[role="${role}"])`).setTimeout(LONGEST_WAIT);
  }

  click(name) {
    return this.#find(name, "button").click();
  }

  follow(name) {
    return this.#find(name, "link").click();
  }

  /** Whatever has this selector. */
  choose(selector) {
    return this.page.locator(selector).setTimeout(LONGEST_WAIT).click();
  }

  async write([name, text]) {
    await this.#find(name, "textbox").fill(text);
  }

  press(key) {
    return this.page.keyboard.press(key);
  }

  type(text) {
    return this.page.keyboard.type(text);
  }

  async shown(text) {
    const shows = wanted => document.body.innerText.includes(wanted);
    await this.page.waitForFunction(shows, { timeout: LONGEST_WAIT }, text);
  }

  async hidden(text) {
    const hides = unwanted => !document.body.innerText.includes(unwanted);
    await this.page.waitForFunction(hides, { timeout: LONGEST_WAIT }, text);
  }

  /** What a screen reader is told beside the page's own text. */
  async announced(text) {
    const says = wanted => [...document.querySelectorAll('[role="status"]')].some(each => each.textContent.includes(wanted));
    await this.page.waitForFunction(says, { timeout: LONGEST_WAIT }, text);
  }

  /** Until the voice was loud enough to be heard. */
  async sound() {
    const moves = () => [...document.querySelectorAll(".meter rect")].some(bar => Number(bar.getAttribute("height")) > 12);
    await this.page.waitForFunction(moves, { timeout: LONGEST_WAIT });
  }

  async focused(name) {
    const has = wanted => (document.activeElement?.textContent.trim() || document.activeElement?.id) === wanted;
    await this.page.waitForFunction(has, { timeout: LONGEST_WAIT }, name);
  }

  async tab(name) {
    for (let presses = 0; presses < 60; presses++) {
      await this.page.keyboard.press("Tab");
      const text = await this.page.evaluate(() => document.activeElement?.matches("a, button") && document.activeElement.textContent);
      if (text && text.includes(name)) return;
    }
    throw new Error(`no way to ${name} by keyboard`);
  }

  async view({ width, height, zoom = 1 }) {
    await this.page.setViewport({ width, height, deviceScaleFactor: zoom });
  }

  /** A reader who has set letters to be so many times as large. */
  async letters(times) {
    await this.page.evaluate(size => (document.documentElement.style.fontSize = `${size * 118.75}%`), times);
  }

  async theme(scheme) {
    await this.page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await this.page.evaluate(() => {
      for (const each of document.getAnimations()) if (each instanceof CSSTransition) each.finish();
    });
  }

  /** What the browser remembers of the microphone: "prompt", "granted" or "denied". */
  async permission(setting) {
    const browser = await this.page.browser().target().createCDPSession();
    await browser.send("Browser.setPermission", { permission: { name: "microphone" }, setting });
  }

  /** Whatever else is done meanwhile: a command of the keeper's. */
  async keeper({ command: [program, ...given], env }) {
    await promisify(execFile)(program, given, { env });
  }

  /** Whatever else changes meanwhile: a request that isn't the visitor's. */
  async meanwhile({ url, method = "POST", body }) {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
  }

  async speaks(language) {
    await this.page.setExtraHTTPHeaders({ "Accept-Language": language });
  }

  async offline(off) {
    await this.page.setOfflineMode(off);
  }

  async ahead(minutes) {
    await this.page.evaluate(given => (globalThis.ahead += given * 60_000), minutes);
  }

  async without([...names]) {
    await this.page.evaluateOnNewDocument(given => {
      for (const name of given) Object.defineProperty(navigator, name, { value: undefined });
    }, names);
  }

  /** A browser like Firefox, which doesn't let a page choose a microphone's rate. */
  async fixedRate() {
    await this.page.evaluateOnNewDocument(() => {
      const supported = navigator.mediaDevices.getSupportedConstraints();
      delete supported.sampleRate;
      navigator.mediaDevices.getSupportedConstraints = () => supported;
    });
  }

  async axe(state) {
    await this.page.evaluate(await readFile(AXE, "utf-8"));
    const { violations, passes } = await this.page.evaluate(() => globalThis.axe.run());
    const found = violations.map(({ id, impact, nodes }) => ({ id, impact, where: nodes.map(({ html }) => html.slice(0, 200)) }));
    this.tell({ event: "axe", state, passed: passes.length, found });
  }

  /** Whether all can be reached without scrolling sideways, and nothing is cut off. */
  async fits(state) {
    const cut = await this.page.evaluate(() => {
      const wide = document.documentElement.clientWidth;
      const outside = ({ left, right, width }) => width > 1 && (left < -1 || right > wide + 1);
      const all = [...document.querySelectorAll("main *, .bar *, footer *, dialog[open] *")];
      const bad = all.filter(each => outside(each.getBoundingClientRect()) && !each.closest(".unseen, .skip"));
      if (document.documentElement.scrollWidth > wide) bad.unshift(document.documentElement);
      return bad.map(each => each.outerHTML.slice(0, 120));
    });
    this.tell({ event: "fits", state, cut });
  }

  async picture(path) {
    await this.page.screenshot({ path, fullPage: false });
  }

  async whole(path) {
    await this.page.screenshot({ path, fullPage: true });
  }

  /** What is left behind: open microphones, and where a signed URL can be read. */
  async left() {
    const { secrets } = this;
    const found = await this.page.evaluate(given => {
      const places = {
        html: document.documentElement.outerHTML,
        address: location.href,
        state: JSON.stringify(history.state),
        storage: JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]),
      };
      const signatures = given.map(url => new URL(url).searchParams.values().toArray()).flat().concat(given);
      const told = Object.entries(places).filter(([, text]) => signatures.some(each => each.length > 8 && text?.includes(each)));
      const { tracks, asked, violations, modules } = globalThis;
      return { microphones: tracks.filter(({ readyState }) => readyState === "live").length, asked, violations, modules, told: told.map(([place]) => place) };
    }, secrets);
    this.tell({ event: "left", sessions: secrets.length, ...found });
  }

  /** Whether anything that was written by somebody has become an element, or run. */
  async unmarked() {
    const found = await this.page.evaluate(() => [
      ...[...document.querySelectorAll("b, main script, img[onerror], [onclick]")].map(each => each.outerHTML),
      ...("pwned" in globalThis ? ["it ran"] : []),
    ]);
    this.tell({ event: "unmarked", found });
  }

  /** Read what has this selector. */
  async read(selector) {
    this.tell({ event: "read", selector, text: await this.page.$eval(selector, each => each.innerText) });
  }
}

await program((given, tell) =>
  browse(given, tell, async page => {
    await page.evaluateOnNewDocument(prepare);
    await listen(page, tell);
    const visitor = new Visitor(page, tell);
    for (const step of given.steps) {
      const [[name, argument]] = Object.entries(step);
      // A command's environment holds a key, which nobody prints.
      tell({ event: "visitor", [name]: argument?.env ? argument.command : argument });
      try {
        await visitor[name](argument);
      } catch (error) {
        if (given.broken) await page.screenshot({ path: given.broken, fullPage: true });
        console.error(await page.evaluate(() => document.body.innerText));
        throw error;
      }
    }
  }),
);
