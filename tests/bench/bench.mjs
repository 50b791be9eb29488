// The benchmarks in a browser: the Lab page's own, and TensorFlow.js on the same network in the same
// browser, in turn. Prints a table, and writes every rate to the file that BASIN_BENCH names.
// Invariant: a rival's energies and gradients are Basin's before it is timed.

import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { cpus } from "node:os";
import { chromium } from "playwright-core";
import { serve } from "../e2e/server.mjs";

const ROUNDS = Number(process.env.BASIN_ROUNDS ?? 10);

// Software WebGPU, as in the end-to-end tests, unless a GPU is asked for.
const FLAGS = process.env.BASIN_GPU
  ? ["--enable-unsafe-webgpu", "--enable-features=Vulkan"]
  : [
      "--enable-unsafe-webgpu",
      "--use-webgpu-adapter=swiftshader",
      "--enable-features=Vulkan",
      "--use-vulkan=swiftshader",
      "--use-angle=swiftshader",
    ];

// Transitions of a rival's timing: op by op on software WebGPU one takes most of a second.
const TRANSITIONS = { webgpu: 2, wasm: 10 };

const packages = new URL("node_modules/@tensorflow/", import.meta.url);
const SCRIPTS = {
  "/tf.js": "tfjs/dist/tf.min.js",
  "/webgpu.js": "tfjs-backend-webgpu/dist/tf-backend-webgpu.min.js",
  "/wasm.js": "tfjs-backend-wasm/dist/tf-backend-wasm.min.js",
  "/tfjs-backend-wasm.wasm": "tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm",
  "/tfjs-backend-wasm-simd.wasm": "tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm",
};

const PAGE = `<!doctype html><title>rivals</title>
<script src="/tf.js"></script><script src="/webgpu.js"></script><script src="/wasm.js"></script>
<script src="/tfjs.js"></script>`;

async function rivals() {
  const server = createServer(async (request, response) => {
    const own = request.url === "/tfjs.js" ? new URL("tfjs.js", import.meta.url) : null;
    const file = own ?? (SCRIPTS[request.url] && new URL(SCRIPTS[request.url], packages));
    if (!file) return response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
    const type = request.url.endsWith("wasm") ? "application/wasm" : "text/javascript";
    response.writeHead(200, { "content-type": type }).end(await readFile(file));
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return server;
}

// One round of the Lab page: every subject once more.
async function lab(page) {
  await page.getByTestId("measure").click();
  const idle = () => document.querySelector("[data-testid=speed]")?.dataset.busy === "false";
  await page.waitForFunction(idle, null, { timeout: 600_000, polling: 200 });
}

const problem = JSON.parse(await readFile(process.env.BASIN_PROBLEM, "utf8"));
const host = await serve(process.env.BASIN_DIST, "/");
const server = await rivals();
const browser = await chromium.launch({
  executablePath: process.env.BASIN_CHROMIUM ?? "/usr/bin/chromium",
  args: FLAGS,
});
const context = await browser.newContext();
const basin = await context.newPage();
await basin.goto(`${host.origin}/lab`);
await basin.waitForFunction(
  () => document.querySelector("[data-testid=selftest]")?.dataset.passed,
  null,
  { timeout: 300_000 },
);
assert.equal(await basin.getByTestId("selftest").getAttribute("data-passed"), "true");
await basin.getByTestId("rounds").fill("1");
await basin.getByTestId("rounds").blur();

const pages = {};
for (const backend of Object.keys(TRANSITIONS)) {
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.evaluate(([backend, problem]) => window.rival.open(backend, problem), [backend, problem]);
  const found = await page.evaluate(() => window.rival.energies());
  const scale = Math.max(...problem.energies.map(Math.abs));
  const apart = Math.max(...found.map((value, i) => Math.abs(value - problem.energies[i])));
  assert.ok(apart <= 1e-3 * scale, `${backend}: energies ${apart} apart (scale ${scale})`);
  console.error(`tfjs ${backend}: energies and gradients agree to ${(apart / scale).toExponential(1)}`);
  pages[backend] = page;
}

const rates = { tfjs_webgpu_chains: [], tfjs_wasm_chains: [] };
for (let round = 0; round <= ROUNDS; round++) {
  console.error(round === 0 ? "warming up" : `round ${round} of ${ROUNDS}`);
  if (round > 0) {
    await basin.bringToFront();
    await lab(basin);
  }
  for (const [backend, page] of Object.entries(pages)) {
    await page.bringToFront();
    const rate = await page.evaluate((k) => window.rival.chains(k), TRANSITIONS[backend]);
    if (round > 0) rates[`tfjs_${backend}_chains`].push(rate);
  }
}
for (const row of await basin.locator("[data-subject]").all()) {
  const name = await row.getAttribute("data-subject");
  rates[name] = (await row.getAttribute("data-rates")).split(" ").map(Number);
}
const adapter = await basin.evaluate(async () => {
  const { info } = await navigator.gpu.requestAdapter();
  return [info.vendor, info.architecture, info.description].filter(Boolean).join(" ");
});
await browser.close();
await host.close();
server.close();

const figures = {};
for (const [name, all] of Object.entries(rates)) {
  const sorted = [...all].sort((a, b) => a - b);
  const median = sorted[(sorted.length - 1) >> 1];
  figures[name] = { median, min: sorted[0], max: sorted.at(-1) };
  const numbers = [median, sorted[0], sorted.at(-1)].map((v) => v.toPrecision(4).padStart(11));
  console.log(name.padEnd(30), ...numbers);
}
const ratio = (a, b) => figures[a].median / figures[b].median;
const ratios = {
  chain_vs_tfjs: ratio("chains", "tfjs_webgpu_chains"),
  chain_vs_general: ratio("chains", "chains_by_operations"),
  chain_share_of_fma: (figures.chains.median * problem.operations) / figures.multiply_add.median,
  cpu_vs_flex: ratio("cpu_chains", "cpu_chains_by_operations"),
  cpu_vs_tfjs_wasm: ratio("cpu_chains", "tfjs_wasm_chains"),
  train_vs_general: ratio("training", "training_by_operations"),
};
for (const [name, value] of Object.entries(ratios)) console.log(name.padEnd(30), value.toFixed(3));
if (process.env.BASIN_BENCH) {
  const report = {
    date: new Date().toISOString().slice(0, 10),
    commit: process.env.BASIN_COMMIT,
    adapter,
    cpu: cpus()[0].model,
    rounds: ROUNDS,
    rates: figures,
    ratios,
  };
  await writeFile(process.env.BASIN_BENCH, `${JSON.stringify(report, null, 2)}\n`);
}
