// Keeps the page for use without a network: `service-worker.js?simd` or `?plain` keeps that build.
const build = location.search === "?plain" ? "plain" : "simd";
// The build script writes a checksum of all files here, so that a new version has a cache of its own.
const PAGE = "page-VERSION";
const MNIST = "mnist-VERSION_OF_MNIST";
const FILES = [
  "./",
  "style.css",
  "page.js",
  "build.js",
  "worker.js",
  "manifest.webmanifest",
  "icon.svg",
  `${build}/digit_pad_web.js`,
  `${build}/digit_pad_web_bg.wasm`,
];

async function install() {
  const cache = await caches.open(PAGE);
  // Asked of the server again: a browser's own cache may have files of an older version.
  await cache.addAll(FILES.map((file) => new Request(file, { cache: "no-cache" })));
}

async function activate() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== PAGE && name !== MNIST).map((name) => caches.delete(name)));
  await clients.claim();
}

/** The images are kept when they are first asked for: they are three times as large as all else. */
async function mnist(request) {
  const cache = await caches.open(MNIST);
  const kept = await cache.match(request);
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok) await cache.put(request, response.clone());
  return response;
}

async function page(request) {
  const cache = await caches.open(PAGE);
  const kept = await cache.match(request.mode === "navigate" ? "./" : request, { ignoreSearch: true });
  return kept ?? fetch(request);
}

addEventListener("install", (event) => event.waitUntil(install()));
addEventListener("activate", (event) => event.waitUntil(activate()));
addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method !== "GET" || new URL(url).origin !== location.origin) return;
  event.respondWith(new URL(url).pathname.includes("/mnist/") ? mnist(event.request) : page(event.request));
});
