// Everything that shapes a run is in its link.

import assert from "node:assert/strict";
import { story } from "./harness.mjs";
import { tiny, tinyPoints, wild } from "./links.mjs";

const points = (link) => new URLSearchParams(new URL(link).hash.slice(1)).get("points");

for (const webgpu of [false, true]) {
  const device = webgpu ? "WebGPU" : "the CPU";
  story(`a copied link gives the same first 20 losses to the bit on ${device}`, replays, { webgpu });
}

async function replays({ open }) {
  const tab = await open(tiny);
  const old = await tab.firstLosses();
  await tab.get("seed").fill("77");
  await tab.get("seed").press("Enter");
  const losses = await tab.firstLosses(old);
  await tab.click("pause");
  const link = await tab.copyLink();
  assert.ok(link.length < 2000, `${link.length} bytes`);

  const second = await open(link);
  assert.equal(await second.get("seed").inputValue(), "77");
  assert.deepEqual(await second.firstLosses(), losses);

  await second.get("seed").fill("78");
  await second.get("seed").press("Enter");
  await second.firstLosses(losses);
}

story("a drawn data set survives its link", async ({ open }) => {
  const tab = await open(tinyPoints);
  const old = await tab.firstLosses();
  const before = points(await tab.copyLink()) ?? "";
  const box = await tab.get("canvas").boundingBox();
  const at = (x, y) => [box.x + box.width * x, box.y + box.height * y];
  await tab.page.mouse.move(...at(0.3, 0.35));
  await tab.page.mouse.down();
  await tab.page.mouse.move(...at(0.7, 0.35), { steps: 12 });
  await tab.page.mouse.up();
  const drawn = (link) => (points(link) ?? "").length >= before.length + 8;
  const link = await tab.until("drawn points in the link", () => tab.copyLink(), drawn);
  const losses = await tab.firstLosses(old);
  await tab.click("pause");

  const second = await open(link);
  assert.equal(await second.get("dataset").inputValue(), "points");
  assert.deepEqual(await second.firstLosses(), losses);
  assert.equal(points(await second.copyLink()), points(link));
});

story("a wild link is clamped, and says so", async ({ open }) => {
  const tab = await open(wild);
  await tab.stepReaches(1);
  const notices = (await tab.get("notice").allInnerTexts()).join("\n");
  for (const word of ["steps", "lr", "nonsense", "wild0", "wild7"]) assert.ok(notices.includes(word), notices);
  assert.equal(await tab.get("set-steps").inputValue(), "200");
  assert.equal(Number(await tab.get("set-lr").inputValue()), 1e-6);
});

story("back and forward restore the method", async ({ open }) => {
  const tab = await open(tiny);
  await tab.stepReaches(1);
  const method = () => tab.get("method").inputValue();
  assert.equal(await method(), "pcd");
  await tab.get("method").selectOption("cd");
  await tab.page.waitForURL(/preset=gaussian-cd/);
  await tab.page.goBack();
  await tab.until("method pcd", method, (name) => name === "pcd");
  assert.equal(await tab.get("set-width").inputValue(), "16");
  await tab.page.goForward();
  await tab.until("method cd", method, (name) => name === "cd");
});

story("a paper's own settings are one button, and one word of the link", async ({ open }) => {
  const tab = await open("#v=1&preset=25-gaussians-ddaebm&chains=16&grid=32");
  await tab.stepReaches(1);
  assert.notEqual(await tab.get("set-correction").inputValue(), "0");
  const button = tab.page.getByRole("button", { name: "The paper's own settings" });
  await button.click();
  assert.equal(await tab.get("set-correction").inputValue(), "0");
  assert.equal(await button.getAttribute("aria-pressed"), "true");
  const preset = new URLSearchParams(new URL(await tab.copyLink()).hash.slice(1)).get("preset");
  assert.equal(preset, "25-gaussians-ddaebm-paper");
  // A method without one takes the page's own.
  await tab.page.getByRole("button", { name: "Persistent CD", exact: true }).click();
  await tab.until("another method", () => button.count(), (count) => count === 0);
  await tab.page.goBack();
  assert.equal(await button.getAttribute("aria-pressed"), "true");
});
