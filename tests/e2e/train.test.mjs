// The page trains, holds, steps and starts again.

import assert from "node:assert/strict";
import { story } from "./harness.mjs";
import { tiny } from "./links.mjs";
import { pass } from "./tab.mjs";

story("WebGPU is opened, passes the self-test and takes a step", async ({ open }) => {
  const tab = await open(tiny);
  await tab.stepReaches(1);
  assert.match(await tab.text("backend"), /webgpu, self-test passed/i);
}, { webgpu: true });

story("pause holds, step-once advances by one, reset begins again", async ({ open }) => {
  const tab = await open(tiny);
  await tab.stepReaches(3);
  await tab.click("pause");
  const paused = await tab.resting();
  await pass(2000);
  assert.equal(await tab.step(), paused);
  await tab.click("step-once");
  await tab.stepReaches(paused + 1);
  assert.equal(await tab.resting(), paused + 1);
  await tab.click("reset");
  await tab.until("step 0", () => tab.step(), (step) => step === 0);
  assert.equal(await tab.resting(), 0);
  await tab.click("play");
  await tab.stepReaches(2);
});

story("Space, S and R work from the keyboard", async ({ open }) => {
  const tab = await open(tiny);
  await tab.stepReaches(2);
  await tab.page.keyboard.press("Space");
  const paused = await tab.resting();
  await tab.page.keyboard.press("s");
  await tab.stepReaches(paused + 1);
  assert.equal(await tab.resting(), paused + 1);
  await tab.page.keyboard.press("r");
  await tab.until("step 0", () => tab.step(), (step) => step === 0);
  assert.equal(await tab.resting(), 0);
  await tab.page.keyboard.press("Space");
  await tab.stepReaches(2);
  assert.equal(await tab.get("seed").inputValue(), "1");
});
