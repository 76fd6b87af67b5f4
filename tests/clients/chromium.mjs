// A page in headless Chromium, whose microphone hears a file.

import { readFile } from "node:fs/promises";

import puppeteer from "puppeteer-core";

const HERE = new Set(["127.0.0.1", "localhost"]);

// Without a file there is no microphone; `answer` is what is said to the browser's question about it: "deny", or yes.
function flags(microphone, answer = "") {
  return [
    "--autoplay-policy=no-user-gesture-required",
    `--use-fake-ui-for-media-stream${answer && `=${answer}`}`,
    ...(microphone ? ["--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${microphone}`] : []),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", // a second fence, for what interception doesn't see
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []), // Chromium has no sandbox for root
  ];
}

/** Whatever is asked of another machine is told, and refused, unless something here stands in for it. */
async function fence(page, tell, elsewhere) {
  await page.setRequestInterception(true);
  page.on("request", async request => {
    const { protocol, hostname, origin, pathname } = new URL(request.url());
    if (!protocol.startsWith("http") || HERE.has(hostname)) return request.continue();
    const answer = await stoodIn(request.url(), elsewhere);
    tell({ event: answer ? "stood in" : "outside", url: origin + pathname });
    return answer ? request.respond(answer) : request.abort();
  });
}

/** `elsewhere` says for beginnings of addresses which address here, or which folder, has the same. */
async function stoodIn(url, elsewhere) {
  const start = Object.keys(elsewhere).find(each => url.startsWith(each));
  if (!start) return undefined;
  const place = elsewhere[start] + url.slice(start.length);
  const headers = { "Access-Control-Allow-Origin": "*" };
  if (!place.startsWith("http")) {
    return { status: 200, headers, contentType: "text/javascript", body: await readFile(place) };
  }
  const response = await fetch(place);
  return { status: response.status, headers, contentType: "application/json", body: Buffer.from(await response.arrayBuffer()) };
}

/** The addresses of sockets; without their queries, which hold signatures. */
async function watch(page, tell) {
  const network = await page.createCDPSession();
  network.on("Network.webSocketCreated", ({ url }) => tell({ event: "socket", url: url.split("?")[0] }));
  await network.send("Network.enable");
}

/** A page of its own to `act` on; then the browser is closed. */
export async function browse({ chromium, microphone, answer, elsewhere = {} }, tell, act) {
  const browser = await puppeteer.launch({ executablePath: chromium, pipe: true, args: flags(microphone, answer) });
  try {
    const page = await browser.newPage();
    page.on("pageerror", error => console.error(error));
    page.on("console", message => console.error(message.text()));
    await fence(page, tell, elsewhere);
    await watch(page, tell);
    await act(page);
  } finally {
    await browser.close();
  }
}

/** Open a page that finds `scenario` and `tell` among its globals, and `act` on it. */
export async function visit({ url, scenario, ...given }, tell, act) {
  await browse(given, tell, async page => {
    await page.exposeFunction("tell", tell);
    await page.evaluateOnNewDocument(given => Object.assign(globalThis, { scenario: given }), scenario);
    await page.goto(url);
    await act(page);
  });
}
