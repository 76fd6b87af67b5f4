// A companion in a React page: npm install @elevenlabs/react@1.15.2
// It needs a session route on the page's own site (storykeeper talk --embed flask or fastapi).
//
//   <Companion name="..." />

import { ConversationProvider, useConversationControls, useConversationMode, useConversationStatus } from "@elevenlabs/react";
import { useEffect, useRef, useState } from "react";

const ROUTE = "/talk/COMPANION_ID/session";

/** Opens one talk, within 15 minutes: asked for when somebody wants to talk, and kept nowhere. */
async function signedUrl(mode) {
  const response = await fetch(ROUTE, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Storykeeper": "talk" },
    body: JSON.stringify({ mode }),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error.message);
  return answer.signed_url;
}

export function Companion({ name }) {
  return (
    <ConversationProvider>
      <Talk name={name} />
    </ConversationProvider>
  );
}

function Talk({ name }) {
  const { startSession, endSession, sendUserMessage } = useConversationControls();
  const { status, message } = useConversationStatus();
  const { isSpeaking } = useConversationMode();
  const [said, setSaid] = useState([]);
  const [problem, setProblem] = useState("");
  const [asking, setAsking] = useState(false);
  const here = useRef(false);

  // Whoever leaves the page has stopped talking: the talk ends, and the microphone is let go of.
  useEffect(() => {
    here.current = true;
    return () => {
      here.current = false;
      endSession();
    };
  }, [endSession]);

  async function begin(mode) {
    setProblem("");
    setSaid([]);
    setAsking(true);
    try {
      const url = await signedUrl(mode);
      if (!here.current) return; // the page was left meanwhile
      startSession({
        signedUrl: url,
        textOnly: mode === "text",
        onMessage: ({ role, message }) => setSaid(before => [...before, { who: role === "user" ? "You" : `${name} (AI)`, text: message }]),
      });
    } catch (error) {
      setProblem(error.message);
    } finally {
      setAsking(false);
    }
  }

  function send(event) {
    event.preventDefault();
    const text = new FormData(event.currentTarget).get("message").trim();
    if (!text) return;
    sendUserMessage(text);
    setSaid(before => [...before, { who: "You", text }]);
    event.currentTarget.reset();
  }

  const talking = status === "connected";
  const busy = asking || status === "connecting";
  return (
    <section aria-label={`${name}'s companion`}>
      <h2>{name}'s companion</h2>
      <p>You will be talking to an AI made from memories, with a copy of a voice. It isn't {name}, and it can be wrong.</p>
      {!talking && (
        <p>
          <button type="button" disabled={busy} onClick={() => begin("voice")}>Talk</button>
          <button type="button" disabled={busy} onClick={() => begin("text")}>Type instead</button>
        </p>
      )}
      {talking && <button type="button" onClick={endSession}>Stop</button>}
      <p role="status">{busy ? "One moment, please" : talking ? (isSpeaking ? "Speaking" : "Listening") : ""}</p>
      {(problem || status === "error") && <p role="alert">{problem || message}</p>}
      <ol aria-live="polite">{said.map(({ who, text }, n) => <li key={n}>{who}: {text}</li>)}</ol>
      {talking && (
        <form onSubmit={send}>
          <input name="message" aria-label="Your message" autoComplete="off" />
          <button>Send</button>
        </form>
      )}
    </section>
  );
}
