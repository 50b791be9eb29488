// One tab of the page, as a visitor sees it.
// Invariant: everything is read and done through the page's stable test ids.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const PATIENCE = 180_000;

export class Tab {
  constructor(page) {
    this.page = page;
  }

  get(id) {
    return this.page.getByTestId(id);
  }

  click(id) {
    return this.get(id).click();
  }

  text(id) {
    return this.get(id).innerText();
  }

  // Iterations done.
  async step() {
    const text = await this.text("step");
    assert.match(text, /^\d+$/);
    return Number(text);
  }

  // The value of `kl` or `loss` in full precision; NaN before the first report.
  async value(id) {
    return Number.parseFloat((await this.get(id).getAttribute("data-value")) ?? "");
  }

  // The losses of the first 20 iterations, as the text that brings their bits back; those of a run
  // other than `old`, which a change of settings leaves behind.
  async firstLosses(old = []) {
    const read = async () => ((await this.get("loss").getAttribute("data-losses")) ?? "").split(",");
    const fresh = (all) => all.length >= 20 && all[0] !== old[0];
    const losses = await this.until("20 losses", read, fresh);
    for (const loss of losses) assert.ok(Number.isFinite(Number.parseFloat(loss)), `loss ${loss}`);
    return losses;
  }

  // What a visitor would paste.
  async copyLink() {
    await this.page.bringToFront();
    await this.page.evaluate(() => navigator.clipboard.writeText(""));
    await this.click("copy-link");
    const read = () => this.page.evaluate(() => navigator.clipboard.readText());
    return this.until("a link in the clipboard", read, (text) => text !== "");
  }

  // Reads until the reading is good, and gives it.
  async until(what, read, good, patience = PATIENCE) {
    const end = Date.now() + patience;
    let last;
    while (Date.now() < end) {
      last = await read();
      if (good(last)) return last;
      await sleep(100);
    }
    const notices = await this.get("notice").allInnerTexts();
    assert.fail(`no ${what} within ${patience / 1000} s; last: ${last}; notices: ${notices.join(" ")}`);
  }

  stepReaches(least) {
    return this.until(`step ${least}`, () => this.step(), (step) => step >= least);
  }

  below(id, limit) {
    return this.until(`${id} below ${limit}`, () => this.value(id), (value) => value < limit);
  }

  openFiles() {
    return this.page.locator("summary", { hasText: "Files" }).click();
  }

  // The file that "Export run" gives.
  async exported() {
    const [download] = await Promise.all([this.page.waitForEvent("download"), this.click("export")]);
    return { name: download.suggestedFilename(), buffer: await readFile(await download.path()) };
  }

  // Gives the step count once it has not moved for `ms`, which must come about within a minute.
  async resting(ms = 1000) {
    let last = await this.step();
    const stands = async () => {
      await sleep(ms);
      const before = last;
      last = await this.step();
      return last === before;
    };
    await this.until("rest", stands, Boolean, 60_000);
    return last;
  }
}

// Lets time pass in which something must not happen.
export const pass = sleep;
