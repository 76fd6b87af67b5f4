// What the programs share: a scenario comes in as JSON, and events go out as lines of JSON.

import { Console } from "node:console";
import { json } from "node:stream/consumers";

/** Run `main(given, tell)`; what libraries log goes to stderr, so that stdout holds nothing but events. */
export async function program(main) {
  globalThis.console = new Console(process.stderr);
  try {
    await main(await json(process.stdin), event => process.stdout.write(`${JSON.stringify(event)}\n`));
  } catch (error) {
    console.error(error);
    process.exitCode = 1;
  }
}
