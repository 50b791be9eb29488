// The page works at any path and on a narrow screen.

import assert from "node:assert/strict";
import { story } from "./harness.mjs";
import { tiny } from "./links.mjs";

story("/lab opens by its path, and leads to training and back", async ({ open, host }) => {
  const tab = await open(`lab${tiny}`);
  await tab.get("selftest").waitFor();
  await tab.page.getByRole("link", { name: "Train" }).click();
  await tab.get("canvas").waitFor({ state: "visible" });
  assert.equal(new URL(tab.page.url()).pathname, new URL(host.url).pathname);
  await tab.stepReaches(2);
  await tab.page.getByRole("link", { name: "Lab" }).click();
  await tab.get("selftest").waitFor();
});

const deep = { mount: "/some/sub/" };

story("the whole page works under a sub-path", async ({ open }) => {
  const tab = await open(tiny);
  await tab.stepReaches(2);
  const link = await tab.copyLink();
  assert.ok(new URL(link).pathname.startsWith(deep.mount), link);
  const lab = await open(`lab/${tiny}`);
  await lab.get("selftest").waitFor();
  await lab.stepReaches(2);
}, deep);

const narrow = { viewport: { width: 390, height: 844 } };

story("nothing scrolls sideways on a phone", async ({ open }) => {
  for (const path of ["", "lab/"]) {
    const tab = await open(path + tiny);
    await tab.stepReaches(1);
    const width = await tab.page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= narrow.viewport.width, `${path || "train"} is ${width} px wide`);
  }
}, narrow);
