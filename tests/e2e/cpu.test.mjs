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
