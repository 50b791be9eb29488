// Basin without a browser: on the CPU of this machine, beside PyTorch and in turn with it, or on BASIN_DEVICE.
// Invariant: every timing is of a process of its own, warm when it is timed. On the CPU both have one thread,
// and as many as they take by themselves: as many as cores they may use, which `taskset` limits.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ROUNDS, figures, report } from "./report.mjs";

const { BASIN_DEVICE: DEVICE = "cpu", BASIN_EXE, BASIN_TORCH, BASIN_PROBLEM } = process.env;
const script = fileURLToPath(new URL("../rivals/bench_torch.py", import.meta.url));

const OPERATIONS = JSON.parse(readFileSync(BASIN_PROBLEM, "utf8")).operations;

const BASIN = [BASIN_EXE, "bench", "--device", DEVICE, "--rounds", "1", "--json"];
const TORCH = [BASIN_TORCH, script, BASIN_PROBLEM];

const stdio = ["ignore", "pipe", "inherit"];
const told = ([program, ...args]) => JSON.parse(execFileSync(program, args, { stdio }));

const rates = {};
const add = (name, rate) => (rates[name] ??= []).push(rate);
const ratio = (found, a, b) => found[a].median / found[b].median;

async function onCpu() {
  let facts;
  for (let round = 1; round <= ROUNDS; round++) {
    console.error(`round ${round} of ${ROUNDS}`);
    for (const [end, limit] of [["_one_thread", ["taskset", "-c", "0"]], ["", []]]) {
      for (const [name, { median }] of Object.entries(told([...limit, ...BASIN]))) {
        add(name.replace(/^cpu/, "native") + end, median);
      }
      const { version, threads, chains, training } = told([...limit, ...TORCH]);
      add(`torch_chains${end}`, chains);
      add(`torch_training${end}`, training);
      facts = { torch: version, torch_threads: threads, rounds: ROUNDS };
    }
  }
  const found = figures(rates);
  const { native_chains, native_multiply_add } = found;
  await report("native", {
    facts,
    figures: found,
    ratios: {
      native_share_of_fma: (native_chains.median * OPERATIONS) / native_multiply_add.median,
      native_vs_flex: ratio(found, "native_chains", "native_chains_by_operations"),
      native_vs_torch: ratio(found, "native_chains", "torch_chains"),
      native_vs_torch_one_thread: ratio(found, "native_chains_one_thread", "torch_chains_one_thread"),
      native_train_vs_torch: ratio(found, "native_training", "torch_training"),
      native_train_vs_torch_one_thread: ratio(found, "native_training_one_thread", "torch_training_one_thread"),
    },
  });
}

async function onGpu() {
  for (let round = 1; round <= ROUNDS; round++) {
    console.error(`round ${round} of ${ROUNDS}`);
    for (const [name, { median }] of Object.entries(told(BASIN))) add(name, median);
  }
  const found = figures(rates);
  await report("native_gpu", {
    facts: { device: DEVICE, rounds: ROUNDS },
    figures: found,
    ratios: {
      chain_share_of_fma: (found.chains.median * OPERATIONS) / found.multiply_add.median,
      chain_vs_general: ratio(found, "chains", "chains_by_operations"),
      train_vs_general: ratio(found, "training", "training_by_operations"),
    },
  });
}

await (DEVICE === "cpu" ? onCpu() : onGpu());
