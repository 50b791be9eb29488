// The page trains, holds, steps and starts again.

import assert from "node:assert/strict";
import { story } from "./harness.mjs";
import { KL_BELOW, LOSS_BELOW, tiny } from "./links.mjs";
import { pass } from "./tab.mjs";

story("the page trains on WebGPU, and the device passes its self-test", async ({ open }) => {
  const tab = await open(tiny);
  await tab.below("kl", KL_BELOW);
  await tab.below("loss", LOSS_BELOW);
  await tab.until("the self-test", () => tab.text("backend"), (text) => /webgpu, self-test passed/i.test(text));
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
