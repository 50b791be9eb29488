// Basin without a browser, and PyTorch, on the CPU of this machine, in turn.
// Invariant: every timing is of a process of its own, warm when it is timed. Both have one thread, and as
// many as they take by themselves; Basin asks how many cores it may use, which `taskset` limits.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ROUNDS, figures, report } from "./report.mjs";

const { BASIN_EXE, BASIN_TORCH, BASIN_PROBLEM } = process.env;
const script = fileURLToPath(new URL("../rivals/bench_torch.py", import.meta.url));

const OPERATIONS = JSON.parse(readFileSync(BASIN_PROBLEM, "utf8")).operations;

const stdio = ["ignore", "pipe", "inherit"];
const told = (program, ...args) => JSON.parse(execFileSync(program, args, { stdio }));

const rates = {};
const add = (name, rate) => (rates[name] ??= []).push(rate);
let version, threads;
for (let round = 1; round <= ROUNDS; round++) {
  console.error(`round ${round} of ${ROUNDS}`);
  const bench = [BASIN_EXE, "bench", "--device", "cpu", "--rounds", "1", "--json"];
  for (const [end, [program, ...args]] of [["_one_thread", ["taskset", "-c", "0", ...bench]], ["", bench]]) {
    for (const [name, { median }] of Object.entries(told(program, ...args))) {
      add(name.replace(/^cpu/, "native") + end, median);
    }
  }
  const torch = [BASIN_TORCH, script, BASIN_PROBLEM];
  add("torch_chains_one_thread", told("taskset", "-c", "0", ...torch).chains.one);
  const { chains, ...facts } = told(...torch);
  ({ version, threads } = facts);
  add("torch_chains", chains.all);
}
const found = figures(rates);
const ratio = (a, b) => found[a].median / found[b].median;
await report("native", {
  facts: { torch: version, torch_threads: threads, rounds: ROUNDS },
  figures: found,
  ratios: {
    native_share_of_fma: (found.native_chains.median * OPERATIONS) / found.native_multiply_add.median,
    native_vs_flex: ratio("native_chains", "native_chains_by_operations"),
    native_vs_torch: ratio("native_chains", "torch_chains"),
    native_vs_torch_one_thread: ratio("native_chains_one_thread", "torch_chains_one_thread"),
  },
});
