// Pages that do the timed work with what people would use instead of Basin.
// Invariant: a rival's energies and gradients are Basin's before it is timed.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

// How far a rival's numbers may be from Basin's, as a share of their length.
const TOLERANCE = 1e-3;

const PAGES = {
  "/tfjs": `<script src="/tf.js"></script><script src="/webgpu.js"></script><script src="/wasm.js"></script>
<script type="module" src="/tfjs.js"></script>`,
  "/jaxjs": `<script type="module" src="/jaxjs.js"></script>`,
};

const PACKAGES = {
  "/tf.js": "@tensorflow/tfjs/dist/tf.min.js",
  "/webgpu.js": "@tensorflow/tfjs-backend-webgpu/dist/tf-backend-webgpu.min.js",
  "/wasm.js": "@tensorflow/tfjs-backend-wasm/dist/tf-backend-wasm.min.js",
  "/tfjs-backend-wasm.wasm": "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm",
  "/tfjs-backend-wasm-simd.wasm": "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm",
};

// The file that a path stands for.
function file(path) {
  const of = (name) => new URL(name, import.meta.url);
  if (/^\/(tfjs|jaxjs)\w*\.js$/.test(path)) return of(`.${path}`);
  const [, jax] = /^\/jax\/([\w-]+\.js)$/.exec(path) ?? [];
  if (jax) return of(`node_modules/@jax-js/jax/dist/${jax}`);
  return PACKAGES[path] && of(`node_modules/${PACKAGES[path]}`);
}

// Serves the rivals' pages on this machine.
export async function host() {
  const server = createServer(async (request, response) => {
    const send = (status, type, body) => response.writeHead(status, { "content-type": type }).end(body);
    const page = PAGES[request.url];
    if (page) return send(200, "text/html", `<!doctype html><title>rival</title>\n${page}`);
    const found = file(request.url);
    if (!found) return send(404, "text/plain", "");
    const type = request.url.endsWith("wasm") ? "application/wasm" : "text/javascript";
    send(200, type, await readFile(found));
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

// A page with a rival on one of its backends, checked.
export async function open(context, url, rival, backend, problem) {
  const page = await context.newPage();
  await page.goto(`${url}/${rival}`);
  await page.evaluate(([backend, problem]) => window.rival.open(backend, problem), [backend, problem]);
  check(`${rival} ${backend}`, await page.evaluate(() => window.rival.found()), problem);
  return page;
}

// Holds what a rival found against what Basin says of the same network, weights and points.
function check(rival, found, problem) {
  for (const [work, parts] of Object.entries(found)) {
    for (const [part, numbers] of Object.entries(parts)) {
      const { [part]: wanted, shapes } = problem[work];
      const worst = part === "slope" ? blockwise(numbers, wanted, shapes) : apart(numbers, wanted);
      assert.ok(worst <= TOLERANCE, `${rival}: ${part} of ${work} are ${worst} apart`);
      console.error(`${rival}: ${part} of ${work} agree to ${worst.toExponential(1)}`);
    }
  }
}

const length = (numbers) => Math.hypot(...numbers);

// How far two lists of numbers are apart, as a share of the second's length or of `least`, if that is more.
function apart(found, wanted, least = 0) {
  assert.equal(found.length, wanted.length);
  return length(found.map((value, i) => value - wanted[i])) / Math.max(length(wanted), least);
}

// The same for each block of the weights by itself, so that a large one cannot hide a wrong small one. The
// head's bias has no slope but rounding's.
function blockwise(found, wanted, shapes) {
  const least = 1e-3 * length(wanted);
  let at = 0;
  const ranges = shapes.map(([rows, columns]) => [at, (at += rows * columns)]);
  assert.deepEqual([found.length, wanted.length], [at, at]);
  return Math.max(...ranges.map((range) => apart(found.slice(...range), wanted.slice(...range), least)));
}
