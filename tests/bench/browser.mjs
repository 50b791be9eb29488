// The browser of the benchmarks.
// Invariant: software WebGPU, as in the end-to-end tests, unless BASIN_GPU asks for a GPU.

import { chromium } from "playwright-core";

const SOFTWARE = [
  "--use-webgpu-adapter=swiftshader",
  "--use-vulkan=swiftshader",
  "--use-angle=swiftshader",
];

export function launch() {
  return chromium.launch({
    executablePath: process.env.BASIN_CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--enable-unsafe-webgpu",
      "--enable-features=Vulkan",
      ...(process.env.BASIN_GPU ? [] : SOFTWARE),
    ],
  });
}

// What a page's WebGPU runs on.
export function adapter(page) {
  return page.evaluate(async () => {
    const { info } = await navigator.gpu.requestAdapter();
    return [info.vendor, info.architecture, info.description].filter(Boolean).join(" ");
  });
}
