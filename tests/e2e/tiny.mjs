// Tiny models in place of the shipped ones, trained for a few minutes; `tiny/README.md` says how.

import { readFileSync } from "node:fs";

const read = (path) => readFileSync(new URL(`tiny/${path}`, import.meta.url));

export const manifest = JSON.parse(read("weights/manifest.json"));
export const [entry] = manifest.models;
export const weights = read(entry.file.path);

// The files of a host that has the tiny models only.
export function tinyModel() {
  const files = manifest.models.flatMap((model) => [model.file.path, model.reference.path]);
  return new Map(["weights/manifest.json", ...files].map((path) => [path, read(path)]));
}

// Opens a page with the tiny model loaded.
export async function loaded(open, path) {
  const tab = await open(path);
  await tab.until("a model in the list", () => tab.get("model").inputValue(), Boolean);
  await tab.click("load");
  await ready(tab);
  return tab;
}

export const ready = (tab) =>
  tab.until("a model at work", () => tab.get("model").getAttribute("data-loaded"), Boolean);

export const notices = async (tab) => (await tab.get("notice").allInnerTexts()).join("\n");
