// Takes the pictures of the README: `cargo xtask screenshots`. They show the CPU path, which trains
// faster than software WebGPU.
// BASIN_SHOT_SECONDS: how long each run trains first (60). BASIN_CHECKPOINT: a run to import, for
// pictures of a trained model. BASIN_SHOT_LINK: the fragment to open.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { dist, launch } from "./harness.mjs";
import { serve } from "./server.mjs";
import { Tab, pass } from "./tab.mjs";

const PICTURES = [
  { name: "train-1440x900", path: "?cpu=1", viewport: { width: 1440, height: 900 } },
  { name: "train-390x844", path: "?cpu=1", viewport: { width: 390, height: 844 } },
];

const { BASIN_DOCS, BASIN_CHECKPOINT, BASIN_SHOT_LINK = "", BASIN_SHOT_SECONDS = "60" } = process.env;
assert.ok(BASIN_DOCS, "BASIN_DOCS names the folder for the pictures");
await mkdir(BASIN_DOCS, { recursive: true });
const host = await serve(dist());
const browser = await launch(true);
try {
  for (const { name, path, viewport } of PICTURES) {
    const context = await browser.newContext({ viewport, colorScheme: "dark" });
    const tab = new Tab(await context.newPage());
    await tab.page.goto(new URL(path + BASIN_SHOT_LINK, host.url).href);
    await tab.stepReaches(1);
    if (BASIN_CHECKPOINT) await tab.get("import").setInputFiles(BASIN_CHECKPOINT);
    await pass(1000 * Number(BASIN_SHOT_SECONDS));
    for (const dismiss of await tab.page.getByRole("button", { name: "Dismiss this notice" }).all()) {
      await dismiss.click();
    }
    const file = join(BASIN_DOCS, `${name}.png`);
    await tab.page.screenshot({ path: file });
    console.log(`${file}: step ${await tab.step()}, KL ${await tab.value("kl")}`);
    await context.close();
  }
} finally {
  await browser.close();
  await host.close();
}
