// The lab tests the device, and a run survives its loss.

import assert from "node:assert/strict";
import { story } from "./harness.mjs";
import { tiny } from "./links.mjs";

// All arrays of a run's file, without the header, which holds the time too.
function weights({ buffer }) {
  return buffer.subarray(8 + Number(buffer.readBigUInt64LE(0)));
}

async function selfTestPasses(tab) {
  const passed = () => tab.get("selftest").getAttribute("data-passed");
  assert.equal(await tab.until("self-test", passed, Boolean), "true");
}

// Every step count that the page shows from now on.
async function recordSteps(tab) {
  await tab.get("step").evaluate((element) => {
    window.steps = [];
    const note = () => window.steps.push(Number(element.textContent));
    new MutationObserver(note).observe(element, { childList: true, characterData: true, subtree: true });
  });
  return () => tab.page.evaluate(() => window.steps);
}

async function loseDevice(tab) {
  await tab.click("lose-device");
  const said = async () => (await tab.get("notice").allInnerTexts()).join(" ");
  const text = await tab.until("recovery", said, (all) => /goes on at iteration \d+/.test(all));
  assert.match(text, /webgpu/i);
  return Number(/goes on at iteration (\d+)/.exec(text)[1]);
}

const onWebGpu = { webgpu: true };

story("a training run outlives its device", async ({ open }) => {
  const tab = await open(`lab/${tiny}`);
  await selfTestPasses(tab);
  const before = await tab.stepReaches(10);
  await tab.page.getByRole("link", { name: "Train" }).click();
  const losses = await tab.firstLosses();
  await tab.page.getByRole("link", { name: "Lab" }).click();
  const steps = await recordSteps(tab);
  assert.ok((await loseDevice(tab)) >= before);
  await tab.page.getByRole("link", { name: "Train" }).click();
  assert.deepEqual(await tab.firstLosses(), losses, "the past of the run is gone");
  await tab.page.getByRole("link", { name: "Lab" }).click();
  await tab.stepReaches(before + 10);
  for (const step of await steps()) assert.ok(step >= before, `fell from ${before} to ${step}`);
  await selfTestPasses(tab);
  assert.match(await tab.text("backend"), /webgpu/i);
  assert.deepEqual(await tab.page.getByRole("alert").allInnerTexts(), []);
}, onWebGpu);

story("a resting run outlives its device with step count and weights", async ({ open }) => {
  const tab = await open(tiny);
  await tab.stepReaches(3);
  await tab.click("pause");
  const step = await tab.resting();
  await tab.openFiles();
  const before = weights(await tab.exported());
  await tab.page.getByRole("link", { name: "Lab" }).click();
  assert.equal(await loseDevice(tab), step);
  assert.equal(await tab.resting(), step);
  await tab.page.getByRole("link", { name: "Train" }).click();
  assert.ok(weights(await tab.exported()).equals(before), "the arrays of the run have changed");
  await tab.click("step-once");
  await tab.stepReaches(step + 1);
  assert.equal(await tab.resting(), step + 1);
  assert.deepEqual(await tab.page.getByRole("alert").allInnerTexts(), []);
}, onWebGpu);
