// @elevenlabs/client in Node: text sessions only, since Node has no microphone.

import { Conversation } from "@elevenlabs/client";
import WebSocket from "ws";

import { program } from "./program.mjs";
import { run } from "./session.mjs";

globalThis.WebSocket ??= WebSocket; // Node's own comes with 22, or with a flag

await program((scenario, tell) => run(Conversation, scenario, tell));
