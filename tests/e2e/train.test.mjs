// The page trains, holds, steps and starts again.

import assert from "node:assert/strict";
import { story } from "./harness.mjs";
import { learns, runaway, tiny } from "./links.mjs";
import { pass } from "./tab.mjs";

story("a first visit on software WebGPU moves, with smaller defaults", async ({ open }) => {
  const tab = await open();
  await tab.stepReaches(2);
  assert.match(await tab.text("backend"), /webgpu/);
  assert.match((await tab.get("notice").allInnerTexts()).join(), /runs on the CPU here/);
  assert.match(await tab.copyLink(), /preset=8-gaussians-da-ebm-small/);
}, { webgpu: true });

story("the page trains on WebGPU, and the device passes its self-test", async ({ open }) => {
  const tab = await open(tiny);
  await learns(tab);
  await tab.until("the self-test", () => tab.text("backend"), (text) => /webgpu: self-test passed/i.test(text));
}, { webgpu: true });

story("training reads from the GPU a few times a second at most, and hands it work ahead", async ({ open }) => {
  const tab = await open(tiny);
  await tab.until("the self-test", () => tab.text("backend"), (text) => /webgpu: self-test passed/i.test(text));
  const [worker] = tab.page.workers();
  // What is mapped together is one read.
  await worker.evaluate(() => {
    self.reads = 0;
    let pending = 0;
    const map = GPUBuffer.prototype.mapAsync;
    GPUBuffer.prototype.mapAsync = function (...all) {
      if (pending === 0) self.reads += 1;
      pending += 1;
      return map.apply(this, all).finally(() => (pending -= 1));
    };
    // Submits while the GPU has not said that it is done with what was before.
    [self.submits, self.ahead] = [0, 0];
    let busy = 0;
    const { submit, onSubmittedWorkDone } = GPUQueue.prototype;
    GPUQueue.prototype.submit = function (...all) {
      self.submits += 1;
      if (busy > 0) self.ahead += 1;
      return submit.apply(this, all);
    };
    GPUQueue.prototype.onSubmittedWorkDone = function () {
      busy += 1;
      return onSubmittedWorkDone.apply(this).finally(() => (busy -= 1));
    };
  });
  const [before, began] = [await tab.step(), performance.now()];
  await tab.stepReaches(before + 200);
  const [reads, submits, ahead] = await worker.evaluate(() => [self.reads, self.submits, self.ahead]);
  const seconds = (performance.now() - began) / 1000;
  assert.ok(reads > 0, "reports are read");
  // A report in 400 ms is at most two reads, a checkpoint in five seconds one more.
  assert.ok(reads <= 6 + 6 * seconds, `${reads} reads in ${seconds} seconds`);
  // Pictures and reports wait for the GPU; the iterations between them do not.
  assert.ok(ahead * 10 >= submits, `${ahead} of ${submits} submits ahead`);
}, { webgpu: true });

story("pictures are fewer than iterations, and a hidden tab trains on without any", async ({ open }) => {
  const tab = await open(tiny);
  await tab.stepReaches(1);
  const [worker] = tab.page.workers();
  await worker.evaluate(() => {
    self.pictures = 0;
    const { putImageData } = OffscreenCanvasRenderingContext2D.prototype;
    OffscreenCanvasRenderingContext2D.prototype.putImageData = function (...all) {
      self.pictures += 1;
      return putImageData.apply(this, all);
    };
  });
  // Pictures made during so many iterations.
  const during = async (iterations) => {
    const pictures = () => worker.evaluate(() => self.pictures);
    const [before, step] = [await pictures(), await tab.step()];
    await tab.stepReaches(step + iterations);
    return (await pictures()) - before;
  };
  const hide = (hidden) =>
    tab.page.evaluate((hidden) => {
      Object.defineProperty(document, "hidden", { get: () => hidden, configurable: true });
      document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
    }, hidden);
  const seen = await during(1000);
  assert.ok(seen > 0 && seen < 500, `${seen} pictures of a thousand iterations`);
  await hide(true);
  await during(10);
  assert.equal(await during(1000), 0);
  await hide(false);
  assert.ok((await during(1000)) > 0);
});

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

story("Space pauses also after a click on Play", async ({ open }) => {
  const tab = await open(tiny);
  await tab.click("pause");
  await tab.click("play");
  await tab.stepReaches(2);
  await tab.page.keyboard.press("Space");
  const paused = await tab.resting();
  await pass(1000);
  assert.equal(await tab.step(), paused);
});

story("a live setting changes the run that goes on", async ({ open }) => {
  const tab = await open(tiny);
  const losses = await tab.firstLosses();
  const before = await tab.step();
  await tab.get("set-lr").fill("0.001");
  await tab.get("set-lr").press("Enter");
  await tab.stepReaches(before + 20);
  assert.deepEqual(await tab.firstLosses(), losses);
  assert.match(await tab.copyLink(), /lr=0\.001/);
  // An arrow moves a real number a little, not to the end of its range.
  await tab.get("set-lr").press("ArrowUp");
  const nudged = Number(await tab.get("set-lr").inputValue());
  assert.ok(nudged > 0.001 && nudged < 0.0013, `lr ${nudged}`);
});

story("a run that explodes goes back to a good checkpoint, says why, and rests", async ({ open }) => {
  const tab = await open(runaway);
  const said = async () => (await tab.get("notice").allInnerTexts()).join(" ");
  const text = await tab.until("advice", said, (all) => /ran away/.test(all));
  const restored = Number(/back at iteration\s+(\d+)/.exec(text)[1]);
  assert.equal(await tab.resting(), restored);
  assert.ok(Number.isFinite(await tab.value("kl")));
  await tab.get("set-lr").fill("0.0001");
  await tab.get("set-lr").press("Enter");
  await tab.click("step-once");
  await tab.stepReaches(restored + 1);
});

story("the plane reads out, zooms and moves", async ({ open }) => {
  const tab = await open(tiny);
  await tab.stepReaches(5);
  await tab.click("pause");
  const canvas = tab.get("canvas");
  const box = await canvas.boundingBox();
  // A quarter of the shorter side right of the centre: 2.5 in the square of half-width 5.
  const reach = Math.min(box.width, box.height) / 4;
  const [x, y] = [box.x + box.width / 2 + reach, box.y + box.height / 2];
  const read = async (good) => {
    await tab.page.mouse.move(x + 1, y);
    await tab.page.mouse.move(x, y);
    const text = await tab.until("a read-out", () => tab.text("readout"), (all) => /x .* E .* p .* truth/.test(all) && good(all));
    return Number(/x ([+\-−]?[\d.]+)/.exec(text)[1].replace("−", "-"));
  };
  const near = (value, wanted) => Math.abs(value - wanted) < 0.1;
  assert.ok(near(await read(() => true), 2.5));
  await tab.page.getByRole("application").focus();
  await tab.page.keyboard.press("+");
  const closer = await read((text) => !/x [+]?2\.[45]/.test(text));
  assert.ok(closer > 0.5 && closer < 2.4, `x ${closer} after zooming in`);
  await tab.page.keyboard.press("0");
  assert.ok(near(await read((text) => /x [+]?2\.[45]/.test(text)), 2.5));
});
