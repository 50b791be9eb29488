// What the page's processes hold after a minute of training, and after many: BASIN_MINUTES, 10 unless set.
// Invariant: counted is memory that was written, not the browser's program: heaps, WebAssembly's memory and
// software WebGPU's buffers alike, what processes share in equal parts.

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { serve } from "../e2e/server.mjs";
import { launch } from "./browser.mjs";
import { figures, report } from "./report.mjs";

const MINUTES = Number(process.env.BASIN_MINUTES ?? 10);
// Any of webgpu and cpu, one after the other.
const BACKENDS = (process.env.BASIN_MEMORY ?? "webgpu cpu").split(" ");

// Longer than any measurement: a run that is done rests.
const RUN = "#v=1&preset=four-rings-da-ebm&iterations=1000000";

// The page's garbage is collected before every reading; what wavers then is evened out by the median of half a
// minute's.
const READINGS = 15;
const PAUSE = 2000;

// Bytes by kind of process; the browser's services are no part of the page.
async function bytes(session) {
  const held = { browser: 0, renderer: 0, gpu: 0 };
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  for (const { type, id } of processInfo) {
    const kind = type.toLowerCase();
    if (!(kind in held)) continue;
    const text = await readFile(`/proc/${id}/smaps_rollup`, "utf8").catch(() => "");
    const parts = [...text.matchAll(/^Pss_(?:Anon|Shmem):\s+(\d+) kB/gm)];
    for (const [, kilobytes] of parts) held[kind] += 1024 * Number(kilobytes);
  }
  return { ...held, all: held.browser + held.renderer + held.gpu };
}

// The median of half a minute's readings, kind by kind.
async function reading(session, own) {
  const lists = {};
  for (let i = 0; i < READINGS; i++) {
    await own.send("HeapProfiler.collectGarbage");
    for (const [kind, held] of Object.entries(await bytes(session))) (lists[kind] ??= []).push(held);
    await sleep(PAUSE);
  }
  return figures(lists);
}

const host = await serve(process.env.BASIN_DIST, "/");
try {
  for (const backend of BACKENDS) {
    const browser = await launch();
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const session = await browser.newBrowserCDPSession();
    const own = await page.context().newCDPSession(page);
    await page.goto(`${host.url}${backend === "cpu" ? "?cpu=1" : ""}${RUN}`);
    const step = async () => Number(await page.getByTestId("step").innerText());
    while (!((await step()) > 0)) await sleep(100);
    const found = {};
    const began = Date.now();
    const reached = (minutes) => sleep(began + 60_000 * minutes - Date.now() - (READINGS * PAUSE) / 2);
    for (const minutes of [1, MINUTES]) {
      await reached(minutes);
      for (const [kind, held] of Object.entries(await reading(session, own))) {
        found[`${kind}_after_${minutes}`] = held;
      }
      console.error(`${backend}: ${await step()} iterations after ${minutes} minutes`);
    }
    const facts = { minutes: MINUTES, iterations: await step() };
    const ratios = {};
    for (const kind of ["all", "renderer", "gpu"]) {
      ratios[`memory_growth_${kind}`] = found[`${kind}_after_${MINUTES}`].median / found[`${kind}_after_1`].median;
    }
    await browser.close();
    await report(`memory_${backend}`, { facts, figures: found, ratios });
  }
} finally {
  await host.close();
}
