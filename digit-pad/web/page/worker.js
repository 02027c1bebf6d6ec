// A worker of the program, in the build that the page chose: `worker.js?simd` or `worker.js?plain`.
const build = location.search === "?plain" ? "plain" : "simd";
const { default: init, serve } = await import(`./${build}/digit_pad_web.js`);
await init();
serve();
