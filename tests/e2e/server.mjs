// A static host for dist/, as plain as any: folders give their index, unknown paths give 404.html.
// Invariant: it serves files of one folder, and those given in its place, under one mount path only,
// on 127.0.0.1.

import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const TYPES = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

// Bytes that a slow host sends at a time.
const PART = 4096;

// Serves `folder` under `mount`, which begins and ends with a slash. Gives the address of the page.
// `files` has bytes by path that are served in the folder's place; `pace` is the milliseconds between
// two parts of weights.
export async function serve(folder, mount = "/", files = new Map()) {
  const host = { pace: 0, ranges: [] };
  const weights = async (request, response, body) => {
    const from = Number(request.headers.range?.match(/^bytes=(\d+)-$/)?.[1] ?? 0);
    host.ranges.push(from);
    const headers = { "content-length": body.length - from, "content-type": "application/octet-stream" };
    response.writeHead(from ? 206 : 200, headers);
    for (let at = from; at < body.length && !response.destroyed; at += PART) {
      response.write(body.subarray(at, at + PART));
      if (host.pace) await sleep(host.pace);
    }
    response.end();
  };
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://host");
    const send = (status, headers, body) => response.writeHead(status, headers).end(body);
    if (!pathname.startsWith(mount)) return send(404, {}, "outside the mount");
    const file = join(folder, normalize(`/${decodeURIComponent(pathname.slice(mount.length))}`));
    const given = files.get(pathname.slice(mount.length));
    if (given && pathname.endsWith(".safetensors")) return weights(request, response, given);
    if (given) return send(200, { "content-type": TYPES[extname(pathname)] }, given);
    const isFolder = await stat(file).then((found) => found.isDirectory(), () => false);
    if (isFolder && !pathname.endsWith("/")) return send(301, { location: `${pathname}/` });
    const path = isFolder ? join(file, "index.html") : file;
    const body = await readFile(path).catch(() => null);
    if (body) return send(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" }, body);
    send(404, { "content-type": TYPES[".html"] }, await readFile(join(folder, "404.html")));
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const origin = `http://127.0.0.1:${server.address().port}`;
  const close = () =>
    new Promise((closed) => {
      server.close(closed);
      server.closeAllConnections();
    });
  return Object.assign(host, { origin, url: origin + mount, close });
}
