// Basin without a browser, and PyTorch, on the CPU of this machine, in turn.
// Invariant: every timing is of a process of its own, warm when it is timed. Basin's has one thread;
// PyTorch's has one, and then as many as PyTorch takes by itself.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ROUNDS, figures, report } from "./report.mjs";

const { BASIN_EXE, BASIN_TORCH, BASIN_PROBLEM } = process.env;
const script = fileURLToPath(new URL("../rivals/bench_torch.py", import.meta.url));

const stdio = ["ignore", "pipe", "inherit"];
const told = (program, ...args) => JSON.parse(execFileSync(program, args, { stdio }));

const rates = {};
const add = (name, rate) => (rates[name] ??= []).push(rate);
let version, threads;
for (let round = 1; round <= ROUNDS; round++) {
  console.error(`round ${round} of ${ROUNDS}`);
  const basin = told(BASIN_EXE, "bench", "--device", "cpu", "--rounds", "1", "--json");
  for (const [name, { median }] of Object.entries(basin)) add(name.replace(/^cpu/, "native"), median);
  const { chains, ...facts } = told(BASIN_TORCH, script, BASIN_PROBLEM);
  ({ version, threads } = facts);
  add("torch_chains", chains.one);
  add("torch_chains_all_threads", chains.all);
}
const found = figures(rates);
const ratio = (a, b) => found[a].median / found[b].median;
await report("native", {
  facts: { torch: version, torch_threads: threads, rounds: ROUNDS },
  figures: found,
  ratios: {
    native_vs_flex: ratio("native_chains", "native_chains_by_operations"),
    native_vs_torch: ratio("native_chains", "torch_chains"),
    native_vs_torch_all_threads: ratio("native_chains", "torch_chains_all_threads"),
  },
});
