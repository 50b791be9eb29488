// The Lab page's own benchmarks, and its rivals on the same networks in the same browser, in turn.
// Invariant: all are timed on one adapter, with everything warm.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { serve } from "../e2e/server.mjs";
import { adapter, launch } from "./browser.mjs";
import { ROUNDS, figures, report } from "./report.mjs";
import * as rivals from "./rivals.mjs";

// Transitions and iterations that a rival is asked for at once: op by op on software WebGPU an iteration takes seconds.
const RIVALS = {
  tfjs: { webgpu: { chains: 2, training: 1 }, wasm: { chains: 10, training: 5 } },
  jaxjs: { webgpu: { chains: 4, training: 1 }, wasm: { chains: 10, training: 5 } },
};

// The Lab page, once it has passed its self-test.
async function openLab(context, origin) {
  const page = await context.newPage();
  await page.goto(`${origin}/lab`);
  const tested = () => document.querySelector("[data-testid=selftest]")?.dataset.passed;
  await page.waitForFunction(tested, null, { timeout: 300_000 });
  assert.equal(await page.getByTestId("selftest").getAttribute("data-passed"), "true");
  await page.getByTestId("rounds").fill("1");
  await page.getByTestId("rounds").blur();
  return page;
}

// One round of the Lab page: every subject once more.
async function lab(page) {
  await page.getByTestId("measure").click();
  const idle = () => document.querySelector("[data-testid=speed]")?.dataset.busy === "false";
  await page.waitForFunction(idle, null, { timeout: 600_000, polling: 200 });
}

// What a rival does in a second, of a timing as long as Basin's: a second at least.
async function rate(page, work, amount) {
  let [done, seconds] = [0, 0];
  while (seconds < 1) {
    const timing = await page.evaluate(([work, amount]) => window.rival[work](amount), [work, amount]);
    done += timing.amount;
    seconds += timing.seconds;
  }
  return done / seconds;
}

const problem = JSON.parse(await readFile(process.env.BASIN_PROBLEM, "utf8"));
const host = await serve(process.env.BASIN_DIST, "/");
const server = await rivals.host();
const browser = await launch();
const rates = {};
try {
  const context = await browser.newContext();
  const basin = await openLab(context, host.origin);
  const pages = [];
  for (const [rival, backends] of Object.entries(RIVALS)) {
    for (const [backend, amounts] of Object.entries(backends)) {
      const page = await rivals.open(context, server.url, rival, backend, problem);
      pages.push({ name: `${rival}_${backend}`, page, amounts });
    }
  }
  for (let round = 0; round <= ROUNDS; round++) {
    console.error(round === 0 ? "warming up" : `round ${round} of ${ROUNDS}`);
    if (round > 0) {
      await basin.bringToFront();
      await lab(basin);
    }
    for (const { name, page, amounts } of pages) {
      await page.bringToFront();
      for (const [work, amount] of Object.entries(amounts)) {
        const found = await rate(page, work, amount);
        if (round > 0) (rates[`${name}_${work}`] ??= []).push(found);
      }
    }
  }
  for (const row of await basin.locator("[data-subject]").all()) {
    const name = await row.getAttribute("data-subject");
    rates[name] = (await row.getAttribute("data-rates")).split(" ").map(Number);
  }
  const found = figures(rates);
  const ratio = (a, b) => found[a].median / found[b].median;
  const operations = found.chains.median * problem.operations;
  // Matrix products and nothing else, with as many points at once as does them best.
  const bare = Object.keys(found).filter((name) => name.startsWith("products_"));
  const products = Math.max(...bare.map((name) => found[name].median));
  await report("page", {
    facts: { adapter: await adapter(basin), rounds: ROUNDS },
    figures: found,
    ratios: {
      chain_vs_tfjs: ratio("chains", "tfjs_webgpu_chains"),
      chain_vs_jaxjs: ratio("chains", "jaxjs_webgpu_chains"),
      chain_vs_general: ratio("chains", "chains_by_operations"),
      chain_share_of_fma: operations / found.multiply_add.median,
      chain_share_of_products: operations / products,
      products_share_of_fma: products / found.multiply_add.median,
      train_vs_tfjs: ratio("training", "tfjs_webgpu_training"),
      train_vs_jaxjs: ratio("training", "jaxjs_webgpu_training"),
      train_vs_general: ratio("training", "training_by_operations"),
      cpu_share_of_fma: (found.cpu_chains.median * problem.operations) / found.cpu_multiply_add.median,
      cpu_vs_flex: ratio("cpu_chains", "cpu_chains_by_operations"),
      cpu_vs_tfjs_wasm: ratio("cpu_chains", "tfjs_wasm_chains"),
      cpu_vs_jaxjs_wasm: ratio("cpu_chains", "jaxjs_wasm_chains"),
      cpu_train_vs_tfjs_wasm: ratio("cpu_training", "tfjs_wasm_training"),
      cpu_train_vs_jaxjs_wasm: ratio("cpu_training", "jaxjs_wasm_training"),
    },
  });
} finally {
  await browser.close();
  await host.close();
  server.close();
}
