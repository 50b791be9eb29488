// How long a visitor waits for a picture that moves, and what is sent for it: on a first visit, with
// nothing kept, and on a second.
// Invariant: the host is on this machine, so no network is in any time; each first visit has a browser of
// its own.

import { launch } from "./browser.mjs";
import { compressing } from "./host.mjs";
import { ROUNDS, figures, report } from "./report.mjs";

const PATHS = { webgpu: "", cpu: "?cpu=1" };

// Looks for the first change of the main canvas after iterations began, and keeps the time since the
// navigation. Runs in the page.
function watch() {
  const brush = new OffscreenCanvas(64, 64).getContext("2d", { willReadFrequently: true });
  const picture = (canvas) => {
    brush.clearRect(0, 0, 64, 64);
    brush.drawImage(canvas, 0, 0, 64, 64);
    return brush.getImageData(0, 0, 64, 64).data.join();
  };
  let first;
  const look = () => {
    const canvas = document.querySelector("[data-testid=canvas]");
    const step = Number(document.querySelector("[data-testid=step]")?.textContent);
    if (canvas && step > 0) {
      const now = picture(canvas);
      first ??= now;
      if (now !== first) {
        window.moved = performance.now() / 1000;
        return;
      }
    }
    setTimeout(look, 50);
  };
  look();
}

const host = await compressing(process.env.BASIN_DIST);

// Seconds until the picture moves, and bytes sent until the page is kept.
async function visit(context, path) {
  const before = host.sent;
  const page = await context.newPage();
  await page.goto(host.url + path);
  const moved = await page.waitForFunction(() => window.moved, null, { timeout: 180_000 });
  const seconds = await moved.jsonValue();
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.close();
  return [seconds, host.sent - before];
}

const lists = {};
const add = (name, number) => (lists[name] ??= []).push(number);
try {
  for (let round = 1; round <= ROUNDS; round++) {
    console.error(`round ${round} of ${ROUNDS}`);
    for (const [backend, path] of Object.entries(PATHS)) {
      const browser = await launch();
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
      await context.addInitScript(watch);
      for (const which of ["first", "second"]) {
        const [seconds, bytes] = await visit(context, path);
        add(`${which}_visit_${backend}_seconds`, seconds);
        add(`${which}_visit_${backend}_bytes`, bytes);
      }
      await browser.close();
    }
  }
  await report("load", { facts: { rounds: ROUNDS }, figures: figures(lists) });
} finally {
  host.close();
}
