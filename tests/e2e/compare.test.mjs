// Several methods side by side.

import assert from "node:assert/strict";
import { story } from "./harness.mjs";
import { compared } from "./links.mjs";
import { pass } from "./tab.mjs";

const COLUMNS = 4;

// Most iterations by which a column may run ahead, and the newest report of another may lag behind.
const LEAD = 20;

const kl = (tab, column) => tab.value(`kl-${column}`);
const step = async (tab, column) => Number(await tab.text(`step-${column}`));
const steps = (tab) => Promise.all(Array.from({ length: COLUMNS }, (_, c) => step(tab, c)));

// The cells of a row of the table, and that all of them hold numbers.
const cells = (tab, row) => tab.get(`measure-${row}`).locator("td").allInnerTexts();
async function numbers(tab, row) {
  const texts = await cells(tab, row);
  assert.equal(texts.length, COLUMNS);
  for (const text of texts) assert.ok(Number.isFinite(Number.parseFloat(text)), `row ${row}: ${texts}`);
}

// Rows of the table that "Sample all" fills.
const SAMPLED = [3, 4, 5];

// Every column has made at least so many iterations.
const reach = (tab, least) =>
  tab.until(`${least} iterations each`, () => steps(tab), (all) => all.every((s) => s >= least));

story("four methods train at once, and the page stays answerable", async ({ open }) => {
  const tab = await open(`compare/${compared}`);
  await reach(tab, 5);
  await tab.page.evaluate(() => {
    window.longTasks = [];
    new PerformanceObserver((list) => {
      for (const task of list.getEntries()) window.longTasks.push(task.duration);
    }).observe({ type: "longtask" });
    window.moves = 0;
    const plane = document.querySelector(".plane");
    plane.addEventListener("pointermove", () => { window.moves += 1; });
  });
  const before = await steps(tab);
  const box = await tab.page.locator(".plane").first().boundingBox();
  const MOVES = 60;
  for (let i = 0; i < MOVES; i += 1) {
    await tab.page.mouse.move(box.x + 10 + i, box.y + 20 + (i % 7));
    await pass(50);
  }
  await reach(tab, Math.max(...before) + 20);
  const { longTasks, moves } = await tab.page.evaluate(() => ({ longTasks: window.longTasks, moves: window.moves }));
  assert.ok(Math.max(0, ...longTasks) < 50, `long tasks ${longTasks}`);
  assert.equal(moves, MOVES);
});

story("columns keep step, learn, and fill the table", async ({ open }) => {
  const tab = await open(`compare/${compared}`);
  for (let column = 0; column < COLUMNS; column += 1) {
    const first = await tab.until("a first KL", () => kl(tab, column), Number.isFinite);
    await tab.until(`column ${column} to learn`, () => kl(tab, column), (v) => v < 0.6 * first);
  }
  await tab.click("pause");
  await pass(1500);
  const all = await steps(tab);
  assert.ok(Math.max(...all) - Math.min(...all) <= 2 * LEAD, `iterations ${all}`);
  const rows = await tab.get("compared").locator("tbody tr").count();
  for (const row of [0, 1, 2, 6, 7, 9]) await numbers(tab, row);
  for (const cell of await cells(tab, 8)) assert.match(cell, /^(–|\d+\.\d s)$/);
  assert.equal(rows, 10);
  await tab.click("step-once");
  await tab.until("one more each", () => steps(tab), (now) => now.every((s, c) => s === all[c] + 1));
  await tab.click("reset");
  await tab.until("a fresh start", () => steps(tab), (now) => now.every((s) => s === 0));
});

story("samples and long runs of every column are held against the truth", async ({ open }) => {
  const several = compared.replace("data=gaussian", "data=8-gaussians");
  const tab = await open(`compare/${several}&short-steps=10&long-steps=100`);
  await reach(tab, 3);
  for (const row of SAMPLED) assert.deepEqual(await cells(tab, row), Array(COLUMNS).fill("–"));
  await tab.click("sample-all");
  const done = async () => (await Promise.all(SAMPLED.map((row) => cells(tab, row)))).flat();
  await tab.until("samples in every column", done, (all) => !all.includes("–"));
  await tab.until("every run to end", () => tab.text("sample-all"), (text) => text === "Sample all");
  for (const row of SAMPLED) await numbers(tab, row);
  for (let column = 0; column < COLUMNS; column += 1) {
    assert.match(await tab.text(`verdict-${column}`), /^Samples and long run at iteration \d+: They (dis)?agree.* truth/);
  }
  await tab.get("masses-compared").locator("summary").click();
  const masses = await tab.get("masses-compared").locator("tbody tr").evaluateAll((rows) =>
    rows.map((row) => Array.from(row.querySelectorAll("td"), (cell) => Number(cell.textContent))));
  for (let column = 0; column <= COLUMNS; column += 1) {
    const sum = masses.reduce((sum, row) => sum + row[column], 0);
    assert.ok(Math.abs(sum - 1) < 0.0005 * masses.length + 1e-6, `column ${column} sums to ${sum}`);
  }
});

story("a look closer in one column is one in all of them", async ({ open }) => {
  const tab = await open(`compare/${compared}`);
  await reach(tab, 3);
  await tab.click("pause");
  const planes = tab.page.locator(".column .plane");
  const last = planes.nth(COLUMNS - 1);
  const picture = async () => (await last.screenshot()).toString("base64");
  let before = "";
  await tab.until("a picture at rest", async () => {
    const was = before;
    await pass(700);
    before = await picture();
    return was === before;
  }, Boolean);
  await planes.first().hover();
  await tab.page.mouse.wheel(0, -600);
  await tab.page.mouse.move(0, 0);
  await tab.until("the last column's picture to follow", picture, (now) => now !== before);
});

story("columns keep step by training time too", async ({ open }) => {
  const long = compared.replace("clock=iterations", "clock=time").replaceAll("iterations=5000", "iterations=90000");
  const tab = await open(`compare/${long}`);
  await reach(tab, 30);
  const spent = async () => (await cells(tab, 9)).map(Number.parseFloat);
  await tab.until("two seconds of training", spent, (all) => Math.min(...all) > 2);
  await tab.click("pause");
  await pass(1500);
  const [all, times] = [await steps(tab), await spent()];
  assert.ok(Math.max(...times) < 1.2 * Math.min(...times), `seconds ${times}`);
  // Keeping step by iterations they would differ by one lead at most.
  assert.ok(Math.max(...all) - Math.min(...all) > 4 * LEAD, `iterations ${all}`);
});

story("a link brings the whole comparison back", async ({ open }) => {
  const tab = await open(`compare/${compared}`);
  await reach(tab, 2);
  await tab.click("pause");
  await tab.get("compare-clock").locator("[data-value=time]").click();
  await tab.get("column-1").locator("summary", { hasText: "Ablations" }).click();
  await tab.get("column-1").getByTestId("switch-diffusion").locator("[data-value=vp]").click();
  await tab.get("method-3").selectOption("cd");
  await tab.get("seed").fill("7");
  await tab.get("seed").press("Enter");
  const link = await tab.until(
    "the seed in the address",
    async () => tab.page.url(),
    (url) => url.includes("seed=7"),
  );
  assert.equal(await tab.copyLink(), link);
  const other = await open(link);
  await reach(other, 1);
  const chosen = (t) => t.page.locator(".column-head select").evaluateAll((all) => all.map((s) => s.value));
  assert.deepEqual(await chosen(other), ["da-ebm", "dcd", "ddaebm", "cd"]);
  assert.deepEqual(await chosen(tab), await chosen(other));
  const pressed = (id, value) => other.get(id).locator(`[data-value=${value}]`).getAttribute("aria-pressed");
  assert.equal(await pressed("switch-diffusion", "vp"), "true");
  assert.equal(await pressed("compare-clock", "time"), "true");
  assert.equal(await other.get("seed").inputValue(), "7");
  assert.equal(await other.copyLink(), link);
});

story("columns come and go, and back undoes it", async ({ open }) => {
  const tab = await open(`compare/${compared}&long-steps=100000`);
  await reach(tab, 1);
  const shown = () => tab.page.locator(".column:visible").count();
  await tab.click("sample-all");
  await tab.get("column-3").getByLabel("Take this column away").click();
  await tab.until("three columns", shown, (n) => n === 3);
  await tab.click("sample-all");
  await tab.click("add-column");
  await tab.until("four columns", shown, (n) => n === 4);
  await tab.page.goBack();
  await tab.until("three columns again", shown, (n) => n === 3);
  await tab.page.goBack();
  await tab.until("four as at first", shown, (n) => n === 4);
  assert.equal(await tab.get("method-3").inputValue(), "energy-discrepancy");
  await tab.until("the last column to go on", () => step(tab, 3), (s) => s >= 1);
  // The column that went away while it sampled does not any more.
  assert.equal(await tab.text("sample-all"), "Sample all");
});

story("the columns beside one that goes away go on", async ({ open }) => {
  const tab = await open(`compare/${compared}`);
  await reach(tab, 30);
  await tab.get("column-0").getByLabel("Take this column away").click();
  await tab.until("three columns", () => tab.page.locator(".column:visible").count(), (n) => n === 3);
  const left = await Promise.all([1, 2, 3].map((column) => step(tab, column)));
  assert.ok(left.every((s) => s >= 30), `iterations ${left}`);
  await tab.click("add-column");
  await tab.until("the new column to train", () => step(tab, 0), (s) => s >= 3);
  const places = await tab.page.locator(".column").evaluateAll((all) => all.map((c) => c.getBoundingClientRect().x));
  assert.equal(places.indexOf(Math.max(...places)), 0, `places ${places}`);
});

story("another data set keeps every column's switches", async ({ open }) => {
  const tab = await open(`compare/${compared}~stabiliser=0.2`);
  await reach(tab, 1);
  await tab.get("compare-data").selectOption("8-gaussians");
  const url = await tab.until("the data set in the address", async () => tab.page.url(), (u) => u.includes("8-gaussians"));
  assert.equal(url.split("~width=16").length, COLUMNS + 1, url);
  assert.ok(url.includes("~stabiliser=0.2"), url);
});

story("Train and Compare keep their runs while the other is on show", async ({ open }) => {
  const tab = await open(`compare/${compared}`);
  await reach(tab, 3);
  await tab.page.getByRole("link", { name: "Train" }).click();
  await tab.stepReaches(1);
  const held = await steps(tab);
  await tab.page.getByRole("link", { name: "Compare" }).click();
  assert.ok(tab.page.url().includes("m=ddaebm"), tab.page.url());
  await pass(1500);
  assert.deepEqual((await steps(tab)).map((s, c) => s - held[c]), [0, 0, 0, 0]);
  await tab.click("play");
  await reach(tab, Math.max(...held) + 2);
});

story("a phone swipes between columns", async ({ open }) => {
  const tab = await open(`compare/${compared}`);
  await reach(tab, 1);
  const [wide, page] = await tab.page.evaluate(() => {
    const columns = document.querySelector(".columns");
    return [columns.scrollWidth / columns.clientWidth, document.documentElement.scrollWidth];
  });
  assert.ok(wide > 3, `the columns are ${wide} screens wide`);
  assert.ok(page <= 390, `the page is ${page} wide`);
  const plane = await tab.page.locator("[data-testid=column-0] .plane").boundingBox();
  const devtools = await tab.page.context().newCDPSession(tab.page);
  const touch = (type, ...touchPoints) => devtools.send("Input.dispatchTouchEvent", { type, touchPoints });
  const y = plane.y + plane.height / 2;
  const [from, to] = [plane.x + plane.width - 10, plane.x + 20];
  await touch("touchStart", { x: from, y });
  for (let x = from; x > to; x -= 14) {
    await touch("touchMove", { x, y });
    await pass(16);
  }
  await touch("touchEnd");
  const at = () => tab.page.evaluate(() => document.querySelector("[data-testid=column-1]").getBoundingClientRect().x);
  await tab.until("the second column at the edge", at, (x) => Math.abs(x - 12) < 2);
}, { viewport: { width: 390, height: 844 }, touch: true });

story("a comparison trains on WebGPU", async ({ open }) => {
  const two = compared.split("&m=").slice(0, 3).join("&m=").replace("m=da-ebm", "m=energy-discrepancy");
  const tab = await open(`compare/${two}`);
  for (const column of [0, 1]) {
    const first = await tab.until("a first KL", () => kl(tab, column), Number.isFinite);
    await tab.until(`column ${column} to learn`, () => kl(tab, column), (v) => v < 0.7 * first);
  }
  assert.match(await tab.text("backend"), /webgpu/);
}, { webgpu: true });

story("a wild comparison is clamped, told and shown", async ({ open }) => {
  const tab = await open("compare/#v=1&data=mars&m=gan&m=dcd~tau=1e9~width=8&m=cd~steps=1e9~width=8~chains=8&grid=1e9");
  await tab.until("a step", () => step(tab, 0), (s) => s >= 1);
  const told = (await tab.get("notice").allInnerTexts()).join();
  for (const word of ["mars", "gan", "tau", "steps", "grid"]) assert.ok(told.includes(word), `${word} in ${told}`);
});
