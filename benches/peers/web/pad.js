// Times the digit pad itself, as its page runs it.
import init, { Pad } from "/pad/simd/digit_pad_web.js";
import { median } from "./mnist.js";

const started = init().then(() => {
  const canvas = document.querySelector("canvas");
  return new Pad(canvas, () => new Worker("/pad/worker.js?simd", { type: "module" }));
});
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Milliseconds of a reading: in the network alone, from the canvas's pixels to the probabilities. */
async function read(pad, calls = 100) {
  const times = [];
  for (let at = 0; at < calls + 10; at++) {
    const changed = new Promise((resolve) => pad.onChange(resolve));
    pad.press("random-digit");
    await Promise.race([changed, pause(10000)]);
    await pause(30);
    times.push(pad.readingMilliseconds());
  }
  return { milliseconds: median(times.slice(10)) };
}

/** Seconds of the training from scratch that the page offers, and the accuracy on the whole test set. */
async function train(pad) {
  pad.press("train");
  for (;;) {
    const progress = JSON.parse(pad.training());
    if (progress?.accuracy) return progress;
    await pause(100);
  }
}

globalThis.bench = async ({ task }) => (task === "read" ? read : train)(await started);
