// One test of the built page: its own host, its own browser, its own witnesses.
// Invariant: a test passes only if no page it opened logged an error, threw, or asked anything of
// another origin.

import assert from "node:assert/strict";
import { test } from "node:test";
import { chromium } from "playwright-core";
import { serve } from "./server.mjs";
import { Tab } from "./tab.mjs";

const QUIET = [
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

// Without the first two the browser has `navigator.gpu` but gives no adapter; without the others its
// compositor cannot show what software WebGPU has drawn on a canvas, and the GPU process ends.
const WEBGPU = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--use-angle=swiftshader",
];

// Software WebGPU takes some 150 µs a dispatch, and the machine may be busy.
const TIMEOUT = 420_000;

// The folder of the built page.
export function dist() {
  assert.ok(process.env.BASIN_DIST, "BASIN_DIST names the built page; `cargo xtask test e2e` sets it");
  return process.env.BASIN_DIST;
}

export function launch(webgpu) {
  return chromium.launch({
    executablePath: process.env.BASIN_CHROMIUM ?? "/usr/bin/chromium",
    args: [...QUIET, ...(webgpu ? WEBGPU : [])],
  });
}

// Registers a test. `body` gets `open(path)`, which opens a new tab of the page, and the host. The
// page's behaviour is tested on the CPU, which starts at once: software WebGPU
// compiles kernels for many seconds before the first step.
export function story(name, body, { webgpu = false, mount = "/", viewport, touch = false, files, forgive } = {}) {
  test(name, { timeout: TIMEOUT }, async () => {
    const host = await serve(dist(), mount, files);
    const browser = await launch(webgpu);
    try {
      const context = await browser.newContext({
        viewport: viewport ?? { width: 1280, height: 800 },
        hasTouch: touch,
        permissions: ["clipboard-read", "clipboard-write"],
      });
      const complaints = watch(context, host.origin);
      const open = async (path = "") => {
        const page = await context.newPage();
        await page.goto(new URL(path, host.url).href);
        return new Tab(page);
      };
      await body({ open, host, context });
      // What a test provokes on purpose, such as a host that is gone, browsers log by themselves.
      assert.deepEqual(complaints.filter((text) => !forgive?.test(text)), []);
    } finally {
      await browser.close();
      await host.close();
    }
  });
}

// Collects everything that no page of ours should ever do.
function watch(context, origin) {
  const complaints = [];
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !/^(data|blob|about):/.test(url)) {
      complaints.push(`asked for ${url}`);
    }
  });
  context.on("page", (page) => {
    page.on("pageerror", (error) => complaints.push(`threw ${error}`));
    page.on("crash", () => complaints.push("crashed"));
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(`logged ${message.text()}`);
    });
  });
  return complaints;
}
