// The conversation: from the first button to the last word.

import { Problem, companionPath, get, post } from "./api.js";
import { asking, context } from "./beginnings.js";
import { helplines, sendsToHelp } from "./crisis.js";
import { el } from "./dom.js";
import { mustBeAsked } from "./microphone.js";
import * as panels from "./panels.js";
import { ending, explained, refusal } from "./problems.js";
import { clock, time } from "./timer.js";
import { Transcript } from "./transcript.js";
import { Typing } from "./typing.js";
import { wave } from "./waves.js";

const LOOK_EVERY = 80;
const ASK_EVERY = 15; // seconds
const LONGEST_START = 20_000;
const WHILE_ASKED = 90_000; // somebody reads what the browser asks

export class Talk {
  /**
   * @param {any} companion as the server tells of it
   * @param {import("./words.js").Words} words
   */
  constructor(companion, words) {
    this.companion = companion;
    this.words = words;
    this.minutes = companion.max_minutes;
    this.attempt = 0;
    /** @type {any} */
    this.session = null;
    /** @type {import("./beginnings.js").Beginning | null} */
    this.chosen = null;
    this.ended = "";
    this.stage = el("div", { class: "stage" });
    this.lines = el("ol", { class: "lines" });
    this.typing = new Typing(words, { say: text => this.#say(text), busy: () => this.session?.busy() });
    this.dock = el("div", { class: "dock" }, this.stage, this.typing.form);
    this.announcer = el("p", { class: "unseen", role: "status" });
    this.transcript = new Transcript(this.lines, { user: words("you"), agent: words("them") }, this.dock);
    this.root = this.#section();
    this.#idle();
    addEventListener("pagehide", () => this.session?.end());
  }

  /** Begin with this, or speak about it now. @param {import("./beginnings.js").Beginning} beginning */
  begin(beginning) {
    this.chosen = beginning;
    if (this.session) return this.#raise();
    this.announcer.textContent = this.words("chosen", { title: beginning.title });
    if (this.resting) this.#idle();
    this.root.scrollIntoView({ block: "start" });
    this.stage.querySelector("button.primary")?.focus({ preventScroll: true });
  }

  #section() {
    const log = el("div", { role: "log", "aria-live": "polite", "aria-label": this.words("transcript"), tabindex: "0", class: "log" }, this.lines);
    const title = el("h2", { id: "talk-title", class: "unseen" }, this.words("conversation"));
    return el("section", { id: "talk", "aria-labelledby": "talk-title", tabindex: "-1" }, title, log, this.dock, this.announcer);
  }

  #ways() {
    return { talk: () => this.#talk(), type: () => this.#start(false) };
  }

  #idle() {
    this.resting = true;
    this.stage.replaceChildren(panels.idle(this.words, this.#choice(), wave(this.companion.id), this.#ways()));
  }

  #choice() {
    if (!this.chosen) return null;
    const drop = el("button", { type: "button", class: "quiet", click: () => this.#drop() }, this.words("drop"));
    return el("p", { class: "chosen" }, el("span", {}, this.words("chosen", { title: this.chosen.title })), drop);
  }

  #drop() {
    this.chosen = null;
    this.#idle();
    this.stage.querySelector("button")?.focus();
  }

  /** Nobody is asked for a microphone before it is said why. */
  async #talk() {
    try {
      if (await mustBeAsked()) this.#explain();
      else await this.#start(true);
    } catch (error) {
      this.#failed(error);
    }
  }

  #explain() {
    const cancel = () => this.#cancel();
    this.#show(panels.explaining(this.words, { go: () => this.#start(true), type: () => this.#start(false), cancel }));
  }

  /** @param {boolean} voice */
  async #start(voice) {
    const attempt = ++this.attempt;
    if (this.ended) this.#note(this.ended);
    this.ended = "";
    this.#show(panels.starting(this.words, voice, () => this.#cancel()));
    try {
      const session = await this.#open(voice, attempt);
      if (attempt !== this.attempt) return session.end();
      this.#live(session, voice);
    } catch (error) {
      if (attempt === this.attempt) this.#failed(error);
    }
  }

  /** @param {boolean} voice @param {number} attempt */
  async #open(voice, attempt) {
    const body = { mode: voice ? "voice" : "text", transport: "websocket" };
    const asked = post(companionPath(this.companion.id, "session"), body);
    const [invitation, { start }] = await Promise.all([asked, import("./session.js")]);
    if (attempt !== this.attempt) throw new Problem("cancelled"); // nobody wants to be asked for a microphone now
    this.minutes = invitation.max_minutes ?? this.minutes;
    const opening = start(invitation.signed_url, voice, this.#listeners(attempt));
    return within(opening, voice ? WHILE_ASKED : LONGEST_START);
  }

  /** What a session that isn't this one's any more says is not for this page. @param {number} attempt */
  #listeners(attempt) {
    /** @type {(act: (...given: any[]) => void) => (...given: any[]) => void} */
    const mine = act => (...given) => attempt === this.attempt && act(...given);
    return {
      said: mine((role, text) => this.#said(role, text)),
      corrected: mine(text => this.transcript.correct(text)),
      mode: mine(speaking => this.#mode(speaking)),
      over: mine(details => this.#over(details)),
    };
  }

  #cancel() {
    this.attempt += 1;
    this.#idle();
    this.stage.querySelector("button")?.focus();
  }

  /** @param {any} session @param {boolean} voice */
  #live(session, voice) {
    this.session = session;
    this.panel = panels.live(this.words, voice, {
      stop: () => this.#over({ reason: "user" }),
      mute: off => this.#mute(off),
      volume: share => session.louder(share),
    });
    this.#show(this.panel.root);
    this.#keepTime();
    this.#watchLevel();
    this.#mode(this.speaking ?? false);
    this.typing.open();
    this.announcer.textContent = this.words(voice ? "started_voice" : "started_text");
    if (voice) this.panel.stop.focus();
    else this.typing.focus();
    if (this.greeted && !voice) this.#raise();
  }

  #keepTime() {
    this.asked = 0;
    this.stopTime = time(this.minutes, {
      passed: seconds => this.#passed(seconds),
      remind: left => this.#note(this.words(left === 1 ? "minute_left" : "minutes_left", { minutes: left })),
      over: () => this.#over({ reason: "time" }),
    });
  }

  /** @param {number} seconds */
  #passed(seconds) {
    this.panel?.clock(this.words("time", { passed: clock(seconds), minutes: this.minutes }));
    if (seconds < this.asked + ASK_EVERY) return;
    this.asked = seconds;
    this.#lookAtDoor();
  }

  /** A companion that is paused meanwhile, or whose consent is taken back, talks to nobody any more. */
  async #lookAtDoor() {
    const { attempt } = this;
    const shut = await closed(this.companion.id);
    if (shut && attempt === this.attempt) this.#failed(shut);
  }

  #watchLevel() {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    this.looking = setInterval(() => this.panel?.level(this.session?.level() ?? 0), LOOK_EVERY);
  }

  /** @param {"user" | "agent"} role @param {string} text */
  #said(role, text) {
    this.transcript.add(role, text);
    if (role === "user") return;
    const { numbers } = this.companion.crisis;
    if (sendsToHelp(text, numbers)) this.transcript.addHelp(helplines(numbers));
    this.waiting = false;
    this.greeted = true;
    this.#mode(this.speaking ?? false);
    if (this.session && !this.session.voice) this.#raise();
  }

  /** @param {boolean} speaking */
  #mode(speaking) {
    const finished = this.speaking && !speaking;
    this.speaking = speaking;
    if (!this.session) return;
    const state = this.#state();
    this.panel?.status(this.words(state), state);
    if (finished && this.greeted) this.#raise();
  }

  #state() {
    if (this.speaking) return "speaking";
    if (this.waiting) return "writing";
    if (!this.session.voice) return "ready";
    return this.muted ? "muted" : "listening";
  }

  /** @param {boolean} off */
  #mute(off) {
    this.muted = off;
    this.session?.mute(off);
    this.announcer.textContent = this.words(off ? "muted" : "listening");
    this.#mode(this.speaking ?? false);
  }

  /** Say what the visitor chose: after the greeting, which tells them what they talk to. */
  #raise() {
    const { chosen } = this;
    if (!chosen || !this.session) return;
    this.chosen = null;
    this.session.tell(context(chosen));
    if (chosen.address) this.transcript.addPhoto(chosen.address, chosen.title);
    this.#say(asking(chosen, this.words));
  }

  /** @param {string} text */
  #say(text) {
    if (!this.session) return;
    this.session.say(text);
    this.transcript.addTyped(text);
    this.waiting = true;
    this.#mode(this.speaking ?? false);
  }

  /** @param {string} text */
  #note(text) {
    this.transcript.note(text);
  }

  /** @param {any} details */
  #over(details) {
    const problem = ending(details);
    if (problem) return this.#failed(problem);
    const text = this.words({ user: "ended_you", time: "ended_time" }[details.reason] ?? "ended");
    this.#close(text);
    this.#show(panels.over(this.words, text, this.#ways()));
  }

  /** @param {any} error */
  #failed(error) {
    const text = explained(refusal(error), this.words);
    this.#close(text);
    this.#show(panels.problem(this.words, text, this.#ways()));
  }

  /** @param {string} text how it ended, which stands before the next talk */
  #close(text) {
    this.attempt += 1;
    if (this.session) this.ended = text;
    this.stopTime?.();
    clearInterval(this.looking);
    this.session?.end();
    Object.assign(this, { session: null, panel: null, speaking: false, waiting: false, muted: false, greeted: false });
    this.typing.close();
  }

  /** @param {HTMLElement} panel */
  #show(panel) {
    this.resting = false;
    this.stage.replaceChildren(panel);
    panel.querySelector("h3")?.focus();
  }
}

/** Why a talk can't go on, or null; a server that doesn't answer is no reason. @param {string} id */
async function closed(id) {
  try {
    return (await get(companionPath(id))).state === "ready" ? null : new Problem("paused");
  } catch (error) {
    return error instanceof Problem && error.code === "not_found" ? new Problem("paused") : null;
  }
}

/** A session that comes too late is ended at once. @param {Promise<any>} opening @param {number} milliseconds */
function within(opening, milliseconds) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      reject(new Problem("unavailable"));
      opening.then(session => session.end(), () => {});
    }, milliseconds);
    opening.then(resolve, reject).finally(() => clearTimeout(late));
  });
}
