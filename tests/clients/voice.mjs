// @elevenlabs/client in a page: a voice session.

import { visit } from "./chromium.mjs";
import { program } from "./program.mjs";

await program((given, tell) => visit(given, tell, page => page.evaluate(() => globalThis.finished)));
