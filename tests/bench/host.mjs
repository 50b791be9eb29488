// A host of dist/ that compresses, as hosts on the web do, and counts what it sends.
// Invariant: a file is compressed once, before it is asked for the second time.

import { existsSync } from "node:fs";
import { readFile, readdir } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";

const TYPES = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

// As in `xtask/src/size.rs`.
const QUALITY = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };

// Serves the page at all its paths; `host.sent` is the bytes of all bodies so far.
export async function compressing(folder) {
  const bodies = new Map();
  const add = async (path, file) => bodies.set(path, brotliCompressSync(await readFile(file), QUALITY));
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const file = join(folder, entry.name);
    const index = join(file, "index.html");
    if (entry.isFile()) await add(`/${entry.name}`, file);
    else if (existsSync(index)) await add(`/${entry.name}/`, index);
  }
  bodies.set("/", bodies.get("/index.html"));
  const host = { sent: 0, bodies };
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, "http://host");
    const body = bodies.get(pathname);
    const type = TYPES[extname(pathname) || ".html"];
    if (!body) return response.writeHead(404).end();
    host.sent += body.length;
    // Names of most files tell what they hold; hosts let a browser keep any for some minutes.
    const headers = { "content-type": type, "content-encoding": "br", "cache-control": "max-age=600" };
    response.writeHead(200, headers).end(body);
  });
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  return Object.assign(host, { url: `http://127.0.0.1:${server.address().port}/`, close });
}
