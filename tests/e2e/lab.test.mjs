// The lab tests the device, and a run survives its loss.

import assert from "node:assert/strict";
import { story } from "./harness.mjs";
import { tiny } from "./links.mjs";

// How far one iteration may move the KL; weights that were lost would move it by far more.
const ONE_STEP = 0.1;

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
  const steps = await recordSteps(tab);
  assert.ok((await loseDevice(tab)) >= before);
  await tab.stepReaches(before + 10);
  for (const step of await steps()) assert.ok(step >= before, `fell from ${before} to ${step}`);
  await selfTestPasses(tab);
  assert.match(await tab.text("backend"), /webgpu/i);
  assert.equal(await tab.page.getByRole("alert").count(), 0);
}, onWebGpu);

story("a resting run outlives its device with step count and weights", async ({ open }) => {
  const tab = await open(`lab/${tiny}`);
  const start = await tab.until("a KL", () => tab.value("kl"), Number.isFinite);
  const trained = await tab.below("kl", start - 3 * ONE_STEP);
  await tab.click("pause");
  const step = await tab.resting();
  assert.equal(await loseDevice(tab), step);
  assert.equal(await tab.resting(), step);
  const kl = await tab.value("kl");
  assert.ok(kl <= trained + ONE_STEP, `KL ${kl} after the loss, ${trained} while training`);
  await tab.click("step-once");
  await tab.stepReaches(step + 1);
  assert.equal(await tab.resting(), step + 1);
  const next = await tab.value("kl");
  assert.ok(Math.abs(next - kl) < ONE_STEP, `KL ${kl} before one step, ${next} after`);
  assert.equal(await tab.page.getByRole("alert").count(), 0);
}, onWebGpu);
