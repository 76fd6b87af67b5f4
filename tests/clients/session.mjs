// One session of the official @elevenlabs/client, led by steps and told as events; the same in Node and in a page.
//
// A step is {until: {...}} (wait for the next event that has these fields), {say}, {context}, {activity}, {feedback}
// or {end}. Events are told in the order in which the client reports them.

const LONGEST_WAIT = 60_000;
const LOOK_EVERY = 20;

class Log {
  #events = [];
  #read = 0;
  #wake = () => {};

  constructor(tell) {
    this.tell = tell;
  }

  add(event) {
    this.#events.push(event);
    this.tell(event);
    this.#wake();
  }

  async until(wanted) {
    const end = Date.now() + LONGEST_WAIT;
    for (;;) {
      while (this.#read < this.#events.length) if (matches(this.#events[this.#read++], wanted)) return;
      if (Date.now() >= end) throw new Error(`waited in vain for ${JSON.stringify(wanted)}`);
      await this.#next(end - Date.now());
    }
  }

  #next(milliseconds) {
    return new Promise(resolve => {
      const late = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(late);
        resolve();
      };
    });
  }
}

function matches(event, wanted) {
  return Object.entries(wanted).every(([name, value]) => event[name] === value);
}

function listeners(log) {
  return {
    onConnect: ({ conversationId }) => log.add({ event: "connected", conversation: conversationId }),
    onMessage: ({ role, message }) => log.add({ event: "message", role, text: message }),
    onModeChange: ({ mode }) => log.add({ event: "mode", mode }),
    onAudio: base64 => log.add({ event: "audio", bytes: atob(base64).length }),
    onInterruption: ({ event_id }) => log.add({ event: "interruption", id: event_id }),
    onAgentResponseCorrection: found => log.add({ event: "correction", text: found.corrected_agent_response }),
    onAgentChatResponsePart: ({ type, text }) => log.add({ event: "part", type, text }),
    onAgentToolResponse: found => log.add({ event: "tool answered", name: found.tool_name, error: found.is_error }),
    onConversationMetadata: found => log.add({ event: "formats", user: found.user_input_audio_format, agent: found.agent_output_audio_format }),
    onError: message => log.add({ event: "error", message }),
    onDisconnect: ({ reason, closeCode, closeReason }) => log.add({ event: "disconnected", reason, closeCode, closeReason }),
  };
}

function clientTools(tools, log) {
  const called = ([name, result]) => [name, parameters => (log.add({ event: "tool", name, parameters }), result)];
  return Object.fromEntries(Object.entries(tools).map(called));
}

// The loudness that the client measures: of the microphone, and of what it plays.
function listen(session, log) {
  const levels = { microphone: () => session.getInputVolume(), speaker: () => session.getOutputVolume() };
  return setInterval(() => {
    for (const [device, volume] of Object.entries(levels)) {
      if (volume() <= 0.01) continue;
      delete levels[device];
      log.add({ event: "sound", device });
    }
  }, LOOK_EVERY);
}

function take(step, session, log) {
  if (step.until) return log.until(step.until);
  log.tell({ event: "user", ...step });
  if (step.say) return session.sendUserMessage(step.say);
  if (step.context) return session.sendContextualUpdate(step.context);
  if (step.activity) return session.sendUserActivity();
  if ("feedback" in step) return session.sendFeedback(step.feedback);
  if (step.end) return session.endSession();
  throw new Error(`no such step: ${JSON.stringify(step)}`);
}

/** Run one session; resolves when its steps are done. */
export async function run(Conversation, { options, tools = {}, steps }, tell) {
  const log = new Log(tell);
  let session;
  try {
    session = await Conversation.startSession({ ...options, clientTools: clientTools(tools, log), ...listeners(log) });
  } catch (error) {
    return log.add({ event: "refused", message: error.message, closeCode: error.closeCode });
  }
  const listening = listen(session, log);
  try {
    for (const step of steps) await take(step, session, log);
  } finally {
    clearInterval(listening);
  }
}
