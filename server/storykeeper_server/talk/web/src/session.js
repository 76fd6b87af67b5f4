// One session of the official client, from a signed URL to its end.

import { Conversation } from "@elevenlabs/client";
import concat from "@elevenlabs/client/worklets/audioConcatProcessor.js?url";
import raw from "@elevenlabs/client/worklets/rawAudioProcessor.js?url";
import resampler from "@alexanderolsen/libsamplerate-js/dist/libsamplerate.worklet.js?url";

// Served by us, so that the page's policy need not allow scripts out of blobs.
const OURS = { workletPaths: { audioConcatProcessor: concat, rawAudioProcessor: raw }, libsampleratePath: resampler };

// The service asks for a sign of life every few seconds. When it asked before and is silent for so long, it is gone.
const SILENCE = 30_000;

/**
 * @typedef {object} Listeners
 * @property {(role: "user" | "agent", text: string) => void} said
 * @property {(text: string) => void} corrected the companion was interrupted: what it really said
 * @property {(speaking: boolean) => void} mode
 * @property {(details: any) => void} over
 */

/**
 * Starts a session. Rejects with what the client throws: it asks for the microphone itself.
 * @param {string} signedUrl
 * @param {boolean} voice
 * @param {Listeners} on
 */
export async function start(signedUrl, voice, on) {
  const pulse = watch(() => end({ reason: "error" }));
  /** @type {any} */
  let running = null;
  let ended = false;

  /** @param {any} details */
  function end(details) {
    if (ended) return;
    ended = true;
    pulse.stop();
    on.over(details);
    running?.endSession().catch(() => {});
  }

  running = await Conversation.startSession({
    signedUrl,
    textOnly: !voice,
    ...OURS,
    onMessage: ({ role, message }) => on.said(role, message),
    onAgentResponseCorrection: found => on.corrected(found.corrected_agent_response),
    onModeChange: ({ mode }) => on.mode(mode === "speaking"),
    onPing: pulse.beat,
    onDisconnect: end,
  });
  return new Session(running, voice, () => end({ reason: "user" }));
}

class Session {
  /** @param {any} client @param {boolean} voice @param {() => void} end */
  constructor(client, voice, end) {
    this.client = client;
    this.voice = voice;
    this.end = end;
  }

  /** @param {string} text */
  say(text) {
    this.client.sendUserMessage(text);
  }

  /** What the companion is to know, without being asked anything. @param {string} text */
  tell(text) {
    this.client.sendContextualUpdate(text);
  }

  /** Somebody is typing: the companion waits. */
  busy() {
    this.client.sendUserActivity();
  }

  /** @param {boolean} off */
  mute(off) {
    this.client.setMicMuted(off);
  }

  /** @param {number} volume 0 to 1 */
  louder(volume) {
    this.client.setVolume({ volume });
  }

  /** How loud it is right now, 0 to 1, on either side. */
  level() {
    return this.voice ? Math.max(this.client.getOutputVolume(), this.client.getInputVolume()) : 0;
  }
}

/** @param {() => void} lost */
function watch(lost) {
  /** @type {number | undefined} */
  let late;
  const offline = () => lost();
  addEventListener("offline", offline);
  return {
    beat() {
      clearTimeout(late);
      late = setTimeout(lost, SILENCE);
    },
    stop() {
      clearTimeout(late);
      removeEventListener("offline", offline);
    },
  };
}
