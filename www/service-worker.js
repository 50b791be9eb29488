// Keeps the page on the visitor's machine, so that it opens without a network after the first visit.
// The build fills in what belongs to the page; weights are kept by the worker that loads them.
// Invariant: only answers of the page's own origin are kept, and a newer page replaces an older one
// as a whole.

importScripts("relaxed.js");

const VERSION = "";
const FILES = [];

const PREFIX = "basin-page-";
const CACHE = `${PREFIX}${VERSION}`;

// Names with a hash never change what they hold; everything else is asked of the network first.
const hashed = (path) => /-[0-9a-f]{12,}[._]/.test(path);

// The worker comes with relaxed SIMD and without; this browser needs only one of the two.
const needless = self.relaxedSimd ? /^worker-.*_plain\.wasm$/ : /^worker-.*_bg\.wasm$/;

addEventListener("install", (event) => {
  const keep = async () => {
    const cache = await caches.open(CACHE);
    // Past the browser's own cache, which may hold files of the page before under the same names, but not
    // past what it has just loaded for the page itself.
    const asked = (file) => new Request(file, { cache: hashed(file) ? "default" : "reload" });
    await cache.addAll(FILES.filter((file) => !needless.test(file)).map(asked));
    await skipWaiting();
  };
  event.waitUntil(keep());
});

addEventListener("activate", (event) => {
  const tidy = async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith(PREFIX) && name !== CACHE) await caches.delete(name);
    }
    await clients.claim();
  };
  event.waitUntil(tidy());
});

addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const ours = request.method === "GET" && origin === location.origin;
  if (!ours || request.headers.has("range") || pathname.endsWith(".safetensors")) return;
  const kept = () => caches.match(request, { ignoreSearch: true, cacheName: CACHE });
  const answer = async () => {
    const first = hashed(pathname) ? await kept() : undefined;
    if (first) return first;
    try {
      return await fetch(request);
    } catch (error) {
      const second = await kept();
      if (second) return second;
      throw error;
    }
  };
  event.respondWith(answer());
});
