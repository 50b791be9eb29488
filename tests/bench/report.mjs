// The report of the benchmarks, the file that BASIN_BENCH names: a section a part of them, each with the
// day and the commit it is of.
// Invariant: a part that was not run keeps its section as it is.

import { readFile, writeFile } from "node:fs/promises";
import { cpus } from "node:os";

const PARTS = ["page", "native", "native_gpu", "load", "memory_webgpu", "memory_cpu"];

// Timings of each subject in a run; the median is reported.
export const ROUNDS = Number(process.env.BASIN_ROUNDS ?? 10);

// Median (of an even number the mean of the middle two), least and most of several lists of numbers.
export function figures(lists) {
  const figure = (list) => {
    const sorted = [...list].sort((a, b) => a - b);
    const median = (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
    return { median, min: sorted[0], max: sorted.at(-1) };
  };
  return Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, figure(list)]));
}

// Prints a part's figures and ratios and puts them into the file.
export async function report(part, { facts = {}, figures, ratios = {} }) {
  for (const [name, { median, min, max }] of Object.entries(figures)) {
    const numbers = [median, min, max].map((value) => value.toPrecision(4).padStart(11));
    console.log(name.padEnd(30), ...numbers);
  }
  for (const [name, value] of Object.entries(ratios)) console.log(name.padEnd(30), value.toFixed(3));
  const file = process.env.BASIN_BENCH;
  if (!file) return;
  const date = new Date().toISOString().slice(0, 10);
  const found = { date, commit: process.env.BASIN_COMMIT, cpu: cpus()[0].model, ...facts, figures, ratios };
  const before = JSON.parse(await readFile(file, "utf8").catch(() => "{}"));
  const sections = PARTS.map((name) => [name, name === part ? found : before[name]]);
  await writeFile(file, `${JSON.stringify(Object.fromEntries(sections), null, 2)}\n`);
}
