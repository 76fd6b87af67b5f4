// A page in headless Chromium, whose microphone hears a file.

import puppeteer from "puppeteer-core";

const HERE = new Set(["127.0.0.1", "localhost"]);

function flags(microphone) {
  return [
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    `--use-file-for-fake-audio-capture=${microphone}`,
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", // a second fence, for what interception doesn't see
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []), // Chromium has no sandbox for root
  ];
}

/** Whatever is asked of another machine is told, and refused. */
async function fence(page, tell) {
  await page.setRequestInterception(true);
  page.on("request", request => {
    const { protocol, hostname, origin, pathname } = new URL(request.url());
    if (!protocol.startsWith("http") || HERE.has(hostname)) return request.continue();
    tell({ event: "outside", url: origin + pathname });
    return request.abort();
  });
}

/** The addresses of sockets; without their queries, which hold signatures. */
async function watch(page, tell) {
  const network = await page.createCDPSession();
  network.on("Network.webSocketCreated", ({ url }) => tell({ event: "socket", url: url.split("?")[0] }));
  await network.send("Network.enable");
}

/** Open a page that finds `scenario` and `tell` among its globals, `act` on it, and close the browser. */
export async function visit({ chromium, url, microphone, scenario }, tell, act) {
  const browser = await puppeteer.launch({ executablePath: chromium, pipe: true, args: flags(microphone) });
  try {
    const page = await browser.newPage();
    page.on("pageerror", error => console.error(error));
    page.on("console", message => console.error(message.text()));
    await fence(page, tell);
    await watch(page, tell);
    await page.exposeFunction("tell", tell);
    await page.evaluateOnNewDocument(given => Object.assign(globalThis, { scenario: given }), scenario);
    await page.goto(url);
    await act(page);
  } finally {
    await browser.close();
  }
}
