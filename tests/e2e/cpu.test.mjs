// Without WebGPU the same page trains on the CPU, and says so.

import assert from "node:assert/strict";
import { story } from "./harness.mjs";
import { learns, tiny } from "./links.mjs";
import { colours } from "./picture.mjs";

const without = { webgpu: false };

story("trains on the CPU where there is no WebGPU", async ({ open }) => {
  const tab = await open(tiny);
  await tab.stepReaches(1);
  assert.match(await tab.text("backend"), /cpu/i);
  assert.match((await tab.get("notice").allInnerTexts()).join(), /cpu/i);
  await learns(tab);
  const shades = await colours(tab.page, tab.get("canvas"));
  assert.ok(shades > 50, `a picture has more than ${shades} colours`);
}, without);

story("a first visit without WebGPU moves, with smaller defaults", async ({ open }) => {
  const tab = await open();
  await tab.stepReaches(2);
  assert.match(await tab.text("backend"), /cpu/i);
  assert.match(await tab.copyLink(), /preset=8-gaussians-da-ebm-small/);
}, without);

story("the CPU can be asked for", async ({ open }) => {
  const tab = await open(`?cpu=1${tiny}`);
  await tab.stepReaches(1);
  assert.match(await tab.text("backend"), /cpu/i);
}, { webgpu: true });

story("the lab times everything that the CPU does", async ({ open }) => {
  const tab = await open(`lab/${tiny}`);
  const passed = () => tab.get("selftest").getAttribute("data-passed");
  assert.equal(await tab.until("self-test", passed, Boolean), "true");
  await tab.get("rounds").fill("2");
  await tab.get("rounds").blur();
  await tab.click("measure");
  await tab.until("timings", () => tab.get("speed").getAttribute("data-busy"), (busy) => busy === "false");
  const rows = tab.page.locator("[data-subject]");
  const timed = await rows.evaluateAll((all) => all.map(({ dataset }) => [dataset.subject, dataset.rates.split(" ").map(Number)]));
  const subjects = timed.map(([subject]) => subject);
  assert.deepEqual(subjects, ["cpu_chains", "cpu_chains_by_operations", "cpu_training", "cpu_training_by_operations", "cpu_multiply_add"]);
  for (const [subject, rates] of timed) {
    assert.equal(rates.length, 2, subject);
    for (const rate of rates) assert.ok(rate > 0 && Number.isFinite(rate), `${subject}: ${rate}`);
  }
}, without);

const kind = (url) => /worker-\w+_(\w+)\.wasm$/.exec(url)?.[1];

// The page learns with this one of the two workers, and the service worker keeps no other.
async function learnsWith(expected, { open, context }) {
  const asked = [];
  context.on("request", (request) => asked.push(kind(request.url())));
  const tab = await open(tiny);
  await tab.stepReaches(1);
  await learns(tab);
  const kept = await tab.page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    const [name] = (await caches.keys()).filter((name) => name.startsWith("basin-page-"));
    return (await (await caches.open(name)).keys()).map((request) => request.url);
  });
  assert.deepEqual(kept.map(kind).filter(Boolean), [expected]);
  assert.deepEqual(new Set(asked.filter(Boolean)), new Set([expected]));
}

story("with relaxed SIMD the worker is the one that uses it", (stage) => learnsWith("bg", stage), without);

story("without relaxed SIMD the worker is the one that needs none", async (stage) => {
  const body = "self.relaxedSimd = false;";
  await stage.context.route("**/relaxed.js", (route) => route.fulfill({ contentType: "text/javascript", body }));
  await learnsWith("plain", stage);
}, without);

story("a page kept by a browser that had no relaxed SIMD opens without a network once it has", async ({ open, context, host }) => {
  const body = "self.relaxedSimd = false;";
  await context.route("**/relaxed.js", (route) => route.fulfill({ contentType: "text/javascript", body }));
  const tab = await open(tiny);
  await tab.stepReaches(1);
  await tab.page.evaluate(() => navigator.serviceWorker.ready);
  await context.unroute("**/relaxed.js");
  await tab.page.evaluate(async () => {
    const [name] = (await caches.keys()).filter((name) => name.startsWith("basin-page-"));
    const [cache, file] = [await caches.open(name), "relaxed.js"];
    await cache.put(file, new Response("self.relaxedSimd = true;", { headers: { "content-type": "text/javascript" } }));
  });
  await context.setOffline(true);
  await host.close();
  await tab.page.reload();
  await tab.stepReaches(1);
}, { ...without, forgive: /Failed to load resource|ERR_/ });
