// What leaves the page comes back, and what does not fit is refused with nothing lost.

import assert from "node:assert/strict";
import { story } from "./harness.mjs";
import { tiny } from "./links.mjs";

async function notices(tab) {
  return (await tab.get("notice").allInnerTexts()).join("\n");
}

async function pausedAfter(tab, least) {
  await tab.stepReaches(least);
  await tab.click("pause");
  return tab.resting();
}

story("an exported run comes back with its step count and weights", async ({ open }) => {
  const tab = await open(tiny);
  const step = await pausedAfter(tab, 20);
  const kl = await tab.value("kl");
  await tab.openFiles();
  const file = await tab.exported();
  assert.match(file.name, /\.safetensors$/);
  await tab.click("reset");
  await tab.until("step 0", () => tab.step(), (now) => now === 0);
  await tab.get("import").setInputFiles({ ...file, mimeType: "application/octet-stream" });
  await tab.stepReaches(step);
  assert.equal(await tab.resting(), step);
  // KL is integrated on a grid: the same weights give the same number.
  assert.equal(await tab.value("kl"), kl);
  await tab.click("step-once");
  await tab.stepReaches(step + 1);
});

story("a corrupt run file is refused, and the run goes on", async ({ open }) => {
  const tab = await open(tiny);
  const step = await pausedAfter(tab, 5);
  await tab.openFiles();
  const good = await tab.exported();
  const broken = Buffer.from(good.buffer);
  broken.fill(0x5a, 0, 64);
  for (const buffer of [Buffer.from("no weights"), broken, good.buffer.subarray(0, good.buffer.length / 2)]) {
    await tab.get("import").setInputFiles({ name: "run.safetensors", mimeType: "", buffer });
    await tab.until("an error", () => notices(tab), (text) => /could not be opened/.test(text));
    await tab.page.getByRole("button", { name: "Dismiss this notice" }).last().click();
    assert.equal(await tab.step(), step);
  }
  await tab.click("play");
  await tab.stepReaches(step + 2);
});

story("settings come back from their JSON, and a file without any is refused", async ({ open }) => {
  const tab = await open(tiny);
  await tab.stepReaches(1);
  const open_ = (name, text) =>
    tab.get("import").setInputFiles({ name, mimeType: "application/json", buffer: Buffer.from(text) });
  await tab.openFiles();
  await open_("settings.json", '{"preset": "banana-pcd", "width": 24, "steps": 1e9}');
  await tab.until("the data set", () => tab.get("dataset").inputValue(), (name) => name === "banana");
  assert.equal(await tab.get("set-width").inputValue(), "24");
  assert.match(await notices(tab), /steps = .* outside its range/);
  await open_("list.json", "[1, 2]");
  await tab.until("an error", () => notices(tab), (text) => /holds no settings/.test(text));
  assert.equal(await tab.get("dataset").inputValue(), "banana");
});

story("pasted points become the data set, and are still there after a look at another", async ({ open }) => {
  const tab = await open(tiny);
  await tab.stepReaches(1);
  await tab.get("dataset").selectOption("points");
  await tab.page.locator("summary", { hasText: "Paste" }).click();
  await tab.get("points-text").fill("1;2\n-1,5;0,5\n2;-2");
  await tab.page.getByRole("button", { name: "Use these" }).click();
  const carried = async () => new URL(await tab.copyLink()).hash.match(/points=([\w-]+)/)?.[1];
  const points = await tab.until("three points", carried, (text) => text?.length === 8);
  await tab.get("dataset").selectOption("banana");
  await tab.get("dataset").selectOption("points");
  assert.equal(await tab.until("points", carried, Boolean), points);
});

story("points dropped as CSV become the data set", async ({ open }) => {
  const tab = await open(tiny);
  await tab.stepReaches(1);
  const transfer = await tab.page.evaluateHandle(() => {
    const rows = Array.from({ length: 60 }, (_, i) => `${Math.cos(i)},${Math.sin(i)}`);
    const transfer = new DataTransfer();
    transfer.items.add(new File([`x,y\n${rows.join("\n")}\n`], "circle.csv", { type: "text/csv" }));
    return transfer;
  });
  await tab.page.dispatchEvent("body", "drop", { dataTransfer: transfer });
  await tab.until("the data set", () => tab.get("dataset").inputValue(), (name) => name === "points");
  await tab.stepReaches(1);
  assert.match(await tab.copyLink(), /points=/);
});

story("short and long chains are compared in words", async ({ open }) => {
  const tab = await open(`${tiny}&short-steps=10&long-steps=100`);
  await tab.stepReaches(5);
  await tab.click("compare");
  const verdict = await tab.until(
    "a verdict",
    async () => (await tab.get("verdict").allInnerTexts()).join(" "),
    (text) => /agree/.test(text),
  );
  assert.match(verdict, /(agrees?|does not|do not) with the truth|the long run from data does not/);
  assert.match(verdict, /samples are off by \d\.\d\d, the long run by \d\.\d\d/);
  assert.match(await tab.get("verdict").getAttribute("data-agree"), /true|false/);
});
