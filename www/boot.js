// Sets the kept theme before the first paint, then starts the page's wasm.
// A file of its own: the content-security policy allows no inline script.
{
  const { js, wasm } = document.currentScript.dataset;
  const url = (path) => new URL(path, document.baseURI);
  try {
    const theme = localStorage.getItem("basin-theme");
    if (theme) document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is switched off: the system's theme it is.
  }
  const parsed = new Promise((done) => {
    if (document.readyState === "loading") addEventListener("DOMContentLoaded", done, { once: true });
    else done();
  });
  Promise.all([import(url(js)), parsed])
    .then(([app]) => app.default({ module_or_path: url(wasm) }))
    .catch((error) => {
      const status = document.getElementById("starting");
      if (status) status.textContent = `The page could not start: ${error.message ?? error}`;
      throw error;
    });
  // Without a network the next visit starts from what is kept. Browsers without service workers, and
  // pages that are not loaded over https, go without.
  if ("serviceWorker" in navigator) {
    addEventListener("load", () => {
      navigator.serviceWorker.register(url("service-worker.js")).catch(() => {});
    });
  }
}
