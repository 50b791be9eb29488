// Images are dropped, scored, explained and exported, and never leave the page.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { story } from "./harness.mjs";
import { loaded, notices, tinyModel } from "./tiny.mjs";

// Files that the browser itself encodes: `draw` paints a canvas of the given size.
async function picture(tab, width, height, draw, type = "image/png") {
  const bytes = await tab.page.evaluate(
    async ([width, height, draw, type]) => {
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext("2d");
      new Function("context", "width", "height", draw)(context, width, height);
      const blob = await canvas.convertToBlob({ type });
      return Array.from(new Uint8Array(await blob.arrayBuffer()));
    },
    [width, height, draw, type],
  );
  return Buffer.from(bytes);
}

const SCENE = `
  const sky = context.createLinearGradient(0, 0, 0, height);
  sky.addColorStop(0, "#7ab"); sky.addColorStop(0.6, "#cde"); sky.addColorStop(0.61, "#583"); sky.addColorStop(1, "#341");
  context.fillStyle = sky; context.fillRect(0, 0, width, height);
  context.fillStyle = "#432"; context.fillRect(width * 0.3, height * 0.4, width * 0.4, height * 0.3);
  context.fillStyle = "#a98"; context.beginPath(); context.arc(width / 2, height * 0.4, width * 0.15, 0, 7); context.fill();`;

const NOISE = `
  let state = 7;
  const data = context.createImageData(width, height);
  for (let i = 0; i < data.data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data.data[i] = i % 4 === 3 ? 255 : state >>> 24;
  }
  context.putImageData(data, 0, 0);`;

// Half transparent over nothing.
const GLASS = `context.fillStyle = "rgba(255, 0, 0, 0.5)"; context.fillRect(0, 0, width, height);`;

const file = (name, buffer) => ({ name, mimeType: "", buffer });

const scored = (tab, count) =>
  tab.until(`${count} scored`, () => tab.text("scored"), (text) => text.startsWith(`${count} of ${count} `));

async function rows(tab) {
  return tab.get("score-row").evaluateAll((all) =>
    all.map((row) => ({
      name: row.dataset.name,
      bad: row.classList.contains("bad"),
      percentile: Number.parseFloat(row.querySelector("[data-testid=percentile]").dataset.value),
      said: row.querySelector(".said").innerText,
    })),
  );
}

// One frame of 1 by 1 pixels, twice: what a moving GIF is at the least.
const GIF = Buffer.from(
  "47494638396101000100800000ff0000ffffff21f90405000000002c00000000010001000002024401003b".replace(
    "3b",
    "21f90405000000002c000000000100010000020244010" + "03b",
  ),
  "hex",
);

// 48 by 32 pixels, the left half red and the right half blue, as browsers read AVIF but do not write it.
const AVIF = Buffer.from(
  "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAAAAAAAAAO" +
    "cGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAAKwAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEAAGF2MDFDb2xvcgAA" +
    "AABqaXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAAMAAAACAAAAAQcGl4aQAAAAADCAgIAAAADGF2MUOBAAwAAAAAE2NvbHJuY2x4AAEADQAG" +
    "gAAAABdpcG1hAAAAAAAAAAEAAQQBAoMEAAAAM21kYXQSAAoJGBUv+2QENBoQMhxGUeHhiGAAGgAACOO8nu4mKSnBxiSMWd1pij1g",
  "base64",
);

// A JPEG whose camera was held upright: what is left in the file is up in the picture (Exif's orientation 6).
const upright = (jpeg) =>
  Buffer.concat([
    jpeg.subarray(0, 2),
    Buffer.from("ffe1002245786966000049492a000800000001001201030001000000" + "06000000" + "00000000", "hex"),
    jpeg.subarray(2),
  ]);

// What the model sees of an image at one of its 32 by 32 pixels: "red" or "blue".
const seen = (tab, name, x, y) =>
  tab.get("score-row").filter({ hasText: name }).locator("canvas.pixels").evaluate((canvas, [x, y]) => {
    const [red, , blue] = canvas.getContext("2d").getImageData(x, y, 1, 1).data;
    return red > 150 && blue < 100 ? "red" : blue > 150 && red < 100 ? "blue" : `${red} ${blue}`;
  }, [x, y]);

story("twenty good and bad files get their rows, scores and reasons", async ({ open }) => {
  const tab = await loaded(open, "ood/");
  const scene = await picture(tab, 320, 240, SCENE);
  const files = [];
  for (let i = 0; i < 6; i++) files.push(file(`scene-${i}.png`, await picture(tab, 200 + 40 * i, 160, SCENE)));
  for (let i = 0; i < 3; i++) files.push(file(`noise-${i}.png`, await picture(tab, 32, 32, NOISE)));
  files.push(file("photo.jpg", await picture(tab, 300, 500, SCENE, "image/jpeg")));
  files.push(file("photo.webp", await picture(tab, 500, 300, SCENE, "image/webp")));
  files.push(file("glass.png", await picture(tab, 64, 64, GLASS)));
  files.push(file("moving.gif", GIF));
  const bad = [
    file("text.txt", Buffer.from("no image")),
    file("empty.png", Buffer.alloc(0)),
    file("half.png", scene.subarray(0, 40)),
    file("wrong.jpg", Buffer.from("GIF")),
    file("archive.zip", Buffer.from("PK\u0003\u0004")),
    file("page.html", Buffer.from("<html></html>")),
    file("zeros.webp", Buffer.alloc(500)),
  ];
  await tab.get("pick").setInputFiles([...files, ...bad]);
  await scored(tab, files.length);
  const all = await rows(tab);
  assert.equal(all.length, 20);
  assert.deepEqual(all.filter((row) => row.bad).map((row) => row.name), bad.map((f) => f.name));
  for (const row of all) {
    if (row.bad) assert.match(row.said, /^Not read: .+\.$/);
    else assert.ok(row.percentile >= 0 && row.percentile <= 100 && row.said.length > 20, row.name);
  }
  const of = (name) => all.find((row) => row.name === name).percentile;
  assert.ok(of("noise-0.png") > of("scene-0.png"), `${of("noise-0.png")} against ${of("scene-0.png")}`);

  // Every score has a column of its own.
  const [one, next] = [await tab.get("sort-0").boundingBox(), await tab.get("sort-1").boundingBox()];
  assert.ok(next.x > one.x + one.width / 2, `heads at ${one.x} and ${next.x}`);

  const [download] = await Promise.all([tab.page.waitForEvent("download"), tab.click("export-csv")]);
  const csv = (await readFile(await download.path(), "utf8")).trim().split("\r\n");
  assert.equal(csv.length, 21);
  const head = csv[0].match(/("[^"]*"|[^,]+)/g);
  assert.equal(head.length, 5 + 2 * 14);
  assert.match(csv[0], /^name,width,height,resampled,error,"denoising profile","denoising profile percentile"/);
  assert.match(csv[1], /^"scene-0.png",200,160,"area, crop","",\d/);
  assert.ok(csv.some((line) => /^"text.txt",,,"","[^"]+"(,)+$/.test(line)));

  await tab.page.locator("th.best button").click();
  const sorted = await rows(tab);
  const percentiles = sorted.filter((row) => !row.bad).map((row) => row.percentile);
  assert.deepEqual(percentiles, [...percentiles].sort((a, b) => b - a));
  assert.ok(sorted.slice(-bad.length).every((row) => row.bad));
}, { files: tinyModel() });

story("a score is explained by maps and numbers", async ({ open }) => {
  const tab = await loaded(open, "ood/");
  await tab.click("made");
  await scored(tab, 8);
  const row = tab.get("score-row").filter({ hasText: "noise" }).first();
  await row.getByTestId("explain").click();
  await tab.until("maps", () => row.locator(".maps canvas").count(), (count) => count === 6);
  assert.match(await row.locator(".all-scores").first().innerText(), /score-norm profile/);
  const inked = await row.locator(".maps canvas").nth(1).evaluate((canvas) => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(data).size;
  });
  assert.ok(inked > 20, `${inked} shades`);
}, { files: tinyModel() });

story("made images can be tried before there is a model, and are scored once there is", async ({ open }) => {
  const tab = await open("ood/");
  await tab.click("made");
  await tab.until("rows", async () => (await rows(tab)).length, (n) => n === 8);
  await tab.until("a word on what is missing", async () => (await rows(tab))[0].said, (text) => /Load a model/.test(text));
  await tab.click("load");
  await scored(tab, 8);
  const all = await rows(tab);
  const of = (kind) => all.find((row) => row.name.includes(kind)).percentile;
  assert.ok(of("noise") > 95, `noise at ${of("noise")}`);
  await tab.page.getByRole("button", { name: "Clear" }).click();
  assert.equal((await rows(tab)).length, 0);
}, { files: tinyModel() });

story("how images are read decides what the model sees", async ({ open }) => {
  const tab = await loaded(open, "ood/");
  const sides = `context.fillStyle = "red"; context.fillRect(0, 0, width, height);
    context.fillStyle = "blue"; context.fillRect(width / 3, 0, width / 3, height);`;
  await tab.get("pick").setInputFiles([
    file("sides.png", await picture(tab, 96, 32, sides)),
    file("glass.png", await picture(tab, 64, 64, GLASS)),
  ]);
  await scored(tab, 2);
  const corner = (name) =>
    tab.get("score-row").filter({ hasText: name }).locator("canvas.pixels").evaluate((canvas) =>
      [...canvas.getContext("2d").getImageData(0, 0, 1, 1).data].slice(0, 3).join(" "));
  assert.equal(await corner("sides"), "0 0 255");
  // Half red over white; browsers round the half up or down.
  assert.match(await corner("glass"), /^255 12[678] 12[678]$/);
  await tab.get("set-fit").selectOption("squash");
  await tab.get("set-background").selectOption("black");
  await tab.until("the edge", () => corner("sides"), (colour) => colour === "255 0 0");
  await tab.until("half red over black", () => corner("glass"), (colour) => /^12[678] 0 0$/.test(colour));
  assert.match(await tab.copyLink(), /fit=squash&background=black/);
}, { files: tinyModel() });

story("a photograph stands as its camera was held, AVIF is read, and pictures are pasted", async ({ open }) => {
  const tab = await loaded(open, "ood/");
  const halves = `context.fillStyle = "red"; context.fillRect(0, 0, width / 2, height);
    context.fillStyle = "blue"; context.fillRect(width / 2, 0, width / 2, height);`;
  const jpeg = await picture(tab, 64, 64, halves, "image/jpeg");
  await tab.get("pick").setInputFiles([file("lying.jpg", jpeg), file("upright.jpg", upright(jpeg)), file("flat.avif", AVIF)]);
  await scored(tab, 3);
  for (const [name, first, second] of [
    ["lying.jpg", [3, 16], [28, 16]],
    ["upright.jpg", [16, 3], [16, 28]],
    ["flat.avif", [3, 16], [28, 16]],
  ]) {
    assert.equal(await seen(tab, name, ...first), "red", name);
    assert.equal(await seen(tab, name, ...second), "blue", name);
  }
  assert.match(await tab.get("score-row").filter({ hasText: "flat.avif" }).innerText(), /48 × 32/);
  await tab.page.evaluate((bytes) => {
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([new Uint8Array(bytes)], "pasted.jpg", { type: "image/jpeg" }));
    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
  }, [...jpeg]);
  await scored(tab, 4);
  assert.equal(await seen(tab, "pasted.jpg", 28, 16), "blue");
}, { files: tinyModel() });

story("the first of many photographs are scored before the last are read", async ({ open }) => {
  const tab = await loaded(open, "ood/");
  const jpeg = await picture(tab, 1500, 1200, SCENE, "image/jpeg");
  // The first time that any score is there: how many are still to be read?
  await tab.page.evaluate(() => {
    const look = setInterval(() => {
      const said = [...document.querySelectorAll("[data-testid=score-row] .said")].map((cell) => cell.innerText);
      if (said.every((text) => /^(Reading|Waiting)/.test(text))) return;
      window.unread = said.filter((text) => /^Reading/.test(text)).length;
      clearInterval(look);
    }, 10);
  });
  const files = Array.from({ length: 40 }, (_, i) => file(`${i}.jpg`, jpeg));
  await tab.get("pick").setInputFiles(files);
  await scored(tab, 40);
  const unread = await tab.page.evaluate(() => window.unread);
  assert.ok(unread > 5, `${unread} were still unread`);
}, { files: tinyModel() });

story("a photograph of sixty megapixels is read while the page goes on", async ({ open }) => {
  const tab = await loaded(open, "ood/");
  const huge = await picture(tab, 9000, 6700, SCENE, "image/jpeg");
  // Counts how often the page's thread comes round while the image is read: decoding there would
  // hold it until the end.
  await tab.page.evaluate(() => {
    window.rounds = 0;
    const said = () => document.querySelector("[data-testid=score-row] .said")?.innerText ?? "";
    const count = setInterval(() => {
      if (/^Reading/.test(said())) window.rounds += 1;
      if (/^(Waiting|[A-Z].* out than)/.test(said())) clearInterval(count);
    }, 20);
  });
  await tab.get("pick").setInputFiles([file("huge.jpg", huge)]);
  await scored(tab, 1);
  const rounds = await tab.page.evaluate(() => window.rounds);
  assert.ok(rounds >= 10, `the page's thread came round ${rounds} times`);
  assert.match(await tab.get("score-row").first().innerText(), /9000 × 6700/);
}, { files: tinyModel() });

story("the policy of the page lets nothing out", async ({ open }) => {
  const tab = await loaded(open, "ood/");
  const tried = await tab.page.evaluate(async () => {
    const refused = [];
    addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
    const out = "https://example.org/";
    const attempts = [
      () => fetch(out, { method: "POST", body: "pixels" }),
      () => new Promise((done, fail) => {
        const image = new Image();
        image.onload = done;
        image.onerror = fail;
        image.src = `${out}?pixels`;
      }),
      () => new Promise((done, fail) => {
        const request = new XMLHttpRequest();
        request.onload = done;
        request.onerror = fail;
        request.open("POST", out);
        request.send("pixels");
      }),
      async () => {
        if (!navigator.sendBeacon(out, "pixels")) throw new Error("refused");
      },
      () => new Promise((done, fail) => {
        const socket = new WebSocket("wss://example.org/");
        socket.onopen = done;
        socket.onerror = fail;
      }),
    ];
    const outcomes = [];
    for (const attempt of attempts) {
      outcomes.push(await Promise.resolve().then(attempt).then(() => "sent", () => "refused"));
    }
    await new Promise((done) => setTimeout(done, 200));
    return { outcomes, refused };
  });
  assert.ok(tried.refused.filter((d) => d === "connect-src").length >= 3, JSON.stringify(tried));
  assert.ok(tried.refused.includes("img-src"), JSON.stringify(tried));
  assert.deepEqual(tried.outcomes.slice(0, 3), ["refused", "refused", "refused"]);
  assert.equal(await notices(tab), "");
}, { files: tinyModel(), forgive: /example\.org|Content Security Policy|Refused to/ });
