// Models are loaded, kept and refused, and images drawn from them.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { story } from "./harness.mjs";
import { entry, loaded, notices, ready, tinyModel, weights } from "./tiny.mjs";

async function saved(tab, id) {
  const [download] = await Promise.all([tab.page.waitForEvent("download"), tab.click(id)]);
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

const begun = (tab) => tab.get("path-step").getAttribute("data-drawing");

// Draws anew, and waits for the end.
async function drawn(tab) {
  const before = await begun(tab);
  await tab.click("sample");
  await tab.until("another drawing", () => begun(tab), (now) => now !== before);
  await tab.until("its end", () => tab.get("path-step").getAttribute("data-done"), (done) => done === "true");
}

async function draw(tab) {
  await drawn(tab);
  return (await saved(tab, "save-npy")).bytes;
}

// A page with the first model on its way, slowly.
async function halfLoaded(open, host) {
  host.pace = 60;
  const tab = await open("images/");
  await tab.until("a model in the list", () => tab.get("model").inputValue(), Boolean);
  await tab.click("load");
  const share = () => tab.get("weights-progress").evaluate((bar) => bar.value).catch(() => 0);
  await tab.until("some progress", share, (value) => value > 0.1 && value < 1);
  return tab;
}

story("a model loads with progress, stops, and goes on from where it stopped", async ({ open, host }) => {
  const tab = await halfLoaded(open, host);
  await tab.click("stop-loading");
  await tab.until("a stop", () => notices(tab), (text) => /Loading stopped/.test(text));
  assert.equal(await tab.get("model").getAttribute("data-loaded"), null);
  host.pace = 0;
  await tab.click("load");
  await ready(tab);
  const [first, second] = host.ranges;
  assert.equal(first, 0);
  assert.ok(second > 0 && second < weights.length, `went on from ${second}`);
  assert.match(await tab.text("model-state"), /at work on the CPU; energies within/);
  await tab.page.getByRole("link", { name: "Lab" }).click();
  assert.equal(await tab.get("golden").getAttribute("data-passed"), "true");
}, { files: tinyModel() });

story("another model may be asked for while one is on its way", async ({ open, host }) => {
  const tab = await halfLoaded(open, host);
  const at = () => tab.get("model").getAttribute("data-loaded");
  await tab.get("model").selectOption("ddaebm-cifar");
  // Until then the first one must not be whole.
  await tab.until("another request", () => host.ranges.length, (n) => n === 2);
  host.pace = 0;
  await tab.until("the other model", at, (name) => name === "ddaebm-cifar");
  // The first goes on from where it was.
  await tab.get("model").selectOption(entry.model.name);
  await tab.click("load");
  await tab.until("the first model", at, (name) => name === entry.model.name);
  assert.ok(host.ranges.some((from) => from > 0), `${host.ranges}`);
}, { files: tinyModel() });

story("a model is there after a reload without a network, and can be deleted", async ({ open, host, context }) => {
  const tab = await loaded(open, "images/");
  await tab.page.evaluate(() => navigator.serviceWorker.ready);
  await tab.until(
    "a page kept",
    () => tab.page.evaluate(async () => (await caches.keys()).some((name) => name.startsWith("basin-page-"))),
    Boolean,
  );
  await context.setOffline(true);
  await host.close();
  await tab.page.reload();
  await ready(tab);
  await drawn(tab);
  await tab.click("forget");
  await tab.until("nothing kept", () => tab.get("forget").isHidden(), Boolean);
  await tab.page.reload();
  await tab.until("a model in the list", () => tab.get("model").inputValue(), Boolean);
  assert.equal(await tab.get("model").getAttribute("data-loaded"), null);
}, { files: tinyModel(), forgive: /Failed to load resource|ERR_/ });

const broken = tinyModel();
broken.set(entry.file.path, Buffer.from(weights).fill(7, 5000, 5004));

story("a damaged file is refused before it is used", async ({ open }) => {
  const tab = await open("images/");
  await tab.until("a model in the list", () => tab.get("model").inputValue(), Boolean);
  await tab.click("load");
  await tab.until("a refusal", () => notices(tab), (text) => /does not have the hash/.test(text));
  assert.equal(await tab.get("model").getAttribute("data-loaded"), null);
  assert.ok(await tab.get("sample").isDisabled());
}, { files: broken });

story("weights of one's own are checked before they replace a model", async ({ open }) => {
  const tab = await loaded(open, "images/#v=1&n=1");
  const before = await draw(tab);
  const half = weights.subarray(0, weights.length / 2);
  const wild = Buffer.from(weights);
  // Two bytes that make a half-precision number infinite.
  wild.writeUInt16LE(0x7c00, wild.length - 2);
  for (const [buffer, reason] of [
    [Buffer.from("no weights"), /no readable safetensors/],
    [half, /no readable safetensors/],
    [wild, /not finite/],
  ]) {
    await tab.get("open-weights").setInputFiles({ name: "own.safetensors", mimeType: "", buffer });
    await tab.until("a refusal", () => notices(tab), (text) => reason.test(text));
    await tab.page.getByRole("button", { name: "Dismiss this notice" }).last().click();
  }
  assert.deepEqual(await draw(tab), before);
  // Other numbers, whole: a model of one's own.
  const own = Buffer.from(weights);
  own.writeUInt16LE(0x3000, own.length - 2);
  await tab.get("open-weights").setInputFiles({ name: "own.safetensors", mimeType: "", buffer: own });
  await tab.until("own weights", () => tab.text("model-state"), (text) => /your own weights/.test(text));
}, { files: tinyModel() });

story("a link draws the same pixels again", async ({ open }) => {
  const link = "images/#v=1&n=5&seed=7";
  const tab = await loaded(open, link);
  const first = await draw(tab);
  const picture = await saved(tab, "save-png");
  assert.match(picture.name, /seed-7\.png$/);
  assert.equal(first.length, 128 + 4 * 5 * 3072);
  assert.ok(Number.isFinite(await tab.value("energy")));
  const copied = await tab.copyLink();
  assert.match(copied, /images\/#v=1.*n=5&seed=7/);
  const other = await open(copied.slice(copied.indexOf("images/")));
  await ready(other);
  assert.deepEqual(await draw(other), first);
  assert.deepEqual((await saved(other, "save-png")).bytes, picture.bytes);
  assert.deepEqual(await other.get("grid").screenshot(), await tab.get("grid").screenshot());
  await other.get("set-seed").fill("8");
  await other.get("set-seed").press("Enter");
  assert.notDeepEqual(await draw(other), first);
}, { files: tinyModel() });

for (const [what, link] of [
  ["images are", "n=2&seed=3&sampler=langevin&start=noise&t=20&transitions=3"],
  ["a generator's images are", "n=2&seed=3&model=ddaebm-cifar&sampler=generator&refine=2"],
]) {
  story(`${what} drawn on WebGPU as on the CPU`, async ({ open }) => {
    const tab = await loaded(open, `images/?gpu=1#v=1&${link}`);
    assert.match(await tab.text("model-state"), /at work on the GPU; energies within/);
    const numbers = (file) => new Float32Array(file.buffer.slice(file.byteOffset + 128, file.byteOffset + file.length));
    const found = numbers(await draw(tab));
    const picture = await tab.get("grid").screenshot();
    assert.ok(new Set(picture).size > 100, "the canvas is empty");
    const other = await open(`images/?cpu=1#v=1&${link}`);
    await ready(other);
    const right = numbers(await draw(other));
    const most = right.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    found.forEach((x, i) => assert.ok(Math.abs(x - right[i]) <= 1e-3 * most, `${x} against ${right[i]} at ${i}`));
  }, { files: tinyModel(), webgpu: true });
}

story("images between two seeds begin at the first one, and a link draws them again", async ({ open }) => {
  const tab = await loaded(open, "images/#v=1&n=1&seed=4");
  const images = (file) => {
    const numbers = new Float32Array(file.buffer.slice(file.byteOffset + 128, file.byteOffset + file.length));
    return Array.from({ length: numbers.length / 3072 }, (_, i) => numbers.slice(3072 * i, 3072 * (i + 1)));
  };
  const apart = (a, b) => Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0) / a.length);
  const [alone] = images(await draw(tab));
  await tab.get("set-n").fill("3");
  await tab.get("set-n").press("Enter");
  await tab.get("set-interpolate").check();
  await tab.get("set-second").fill("9");
  await tab.get("set-second").press("Enter");
  const blends = images(await draw(tab));
  const [first, middle, last] = blends;
  assert.ok(apart(first, alone) < 1e-3, `${apart(first, alone)}`);
  // All three take the same draws on their way: what lies between stays between.
  const far = apart(first, last);
  assert.ok(far > 0.1 && apart(first, middle) < far && apart(middle, last) < far, `${far}`);
  const copied = await tab.copyLink();
  assert.match(copied, /interpolate=on&second=9/);
  const other = await open(copied.slice(copied.indexOf("images/")));
  await ready(other);
  assert.deepEqual(images(await draw(other)), blends);
}, { files: tinyModel() });

story("a generator comes with its model and draws in a call for each step", async ({ open }) => {
  const tab = await loaded(open, "images/#v=1&n=3&seed=5");
  assert.ok(await tab.get("sampler-generator").isDisabled());
  await tab.get("model").selectOption("ddaebm-cifar");
  await tab.until(
    "the method's sampler",
    () => tab.get("sampler-generator").getAttribute("aria-pressed"),
    (pressed) => pressed === "true",
  );
  await tab.click("load");
  const at = () => tab.get("model").getAttribute("data-loaded");
  await tab.until("the other model", at, (name) => name === "ddaebm-cifar");
  assert.match(await tab.text("model-state"), /energies within/);
  assert.ok(await tab.get("sampler-mixture").isDisabled());
  const plain = await draw(tab);
  assert.match(await tab.text("path-step"), /^step 3 of 3$/);
  const copied = await tab.copyLink();
  assert.match(copied, /model=ddaebm-cifar.*sampler=generator/);
  await tab.get("set-refine").fill("3");
  await tab.get("set-refine").press("Enter");
  assert.notDeepEqual(await draw(tab), plain);
  assert.match(await tab.text("acceptance"), /^\d+ %$/);
  const other = await open(copied.slice(copied.indexOf("images/")));
  await ready(other);
  assert.deepEqual(await draw(other), plain);
}, { files: tinyModel() });

story("a drawing is paused, stepped and looked back on", async ({ open }) => {
  const tab = await loaded(open, "images/#v=1&n=2&sampler=annealed&steps=40");
  await tab.click("sample");
  const step = async () => Number((await tab.text("path-step")).match(/step (\d+)/)?.[1] ?? -1);
  await tab.until("some steps", step, (n) => n > 3);
  await tab.click("pause");
  await tab.page.waitForTimeout(500);
  const rested = await step();
  await tab.page.waitForTimeout(700);
  assert.equal(await step(), rested);
  await tab.click("step-once");
  await tab.until("one more", step, (n) => n === rested + 1);
  await tab.get("scrub").fill("0");
  await tab.until("the beginning", step, (n) => n === 0);
  assert.match(await tab.text("level"), /^31 /);
  await tab.click("play");
  await tab.get("scrub").focus();
  await tab.page.keyboard.press("End");
  await tab.until("going on", step, (n) => n > rested + 2);
}, { files: tinyModel() });

story("long chains start from the images drawn, and say how often moves are taken", async ({ open }) => {
  const tab = await loaded(open, "images/#v=1&n=2&sampler=langevin&transitions=30&t=6");
  await tab.click("sample");
  await tab.until("a word", () => notices(tab), (text) => /draw some first/.test(text));
  await tab.click("sampler-ancestral");
  await draw(tab);
  await tab.click("sampler-langevin");
  await draw(tab);
  assert.match(await tab.text("acceptance"), /^\d+ %$/);
  assert.ok(await tab.get("sampler-mixture").isDisabled());
}, { files: tinyModel() });

story("wild settings in a link are brought into range and told", async ({ open }) => {
  const tab = await open("images/#v=1&n=1e9&steps=1e9&sampler=gan&model=nothing");
  assert.equal(await tab.get("set-n").inputValue(), "64");
  const said = await notices(tab);
  assert.match(said, /n = 1e9 is outside/);
  assert.match(said, /sampler = "gan" could not be read/);
  await tab.until("the first model", () => tab.get("model").inputValue(), (name) => name === entry.model.name);
}, { files: tinyModel() });

story("an image of one's own is denoised", async ({ open }) => {
  const tab = await loaded(open, "images/");
  await tab.page.locator("summary", { hasText: "Denoise" }).click();
  const png = Buffer.from(await tab.page.evaluate(async () => {
    const canvas = new OffscreenCanvas(48, 40);
    const context = canvas.getContext("2d");
    context.fillStyle = "teal";
    context.fillRect(0, 0, 48, 40);
    context.fillStyle = "orange";
    context.fillRect(12, 8, 20, 24);
    const blob = await canvas.convertToBlob();
    return Array.from(new Uint8Array(await blob.arrayBuffer()));
  }));
  const transfer = await tab.page.evaluateHandle((bytes) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(bytes)], "square.png", { type: "image/png" }));
    return transfer;
  }, [...png]);
  await tab.page.dispatchEvent("body", "drop", { dataTransfer: transfer });
  const ratio = async () => Number.parseFloat((await tab.text("psnr")).replace("denoised: ", ""));
  assert.ok((await tab.until("a ratio", ratio, Number.isFinite)) > 10);
}, { files: tinyModel() });
