// MNIST for the pages that time a library: pixels from 0 to 1, and labels.
async function unpacked(file) {
  const response = await fetch(`/mnist/${file}.gz`);
  const stream = response.body.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function part(name) {
  const images = await unpacked(`${name}-images-idx3-ubyte`);
  const labels = await unpacked(`${name}-labels-idx1-ubyte`);
  return { pixels: Float32Array.from(images.subarray(16), (pixel) => pixel / 255), labels: labels.subarray(8) };
}

export const trainingImages = () => part("train");
export const testImages = () => part("t10k");

export function median(values) {
  return values.sort((a, b) => a - b)[values.length >> 1];
}

const GROUP = 5;

/** Milliseconds of a call, the median of groups: `call` takes the images of the test set, one after the other. */
export async function latency(call, test, groups = 60) {
  const times = [];
  let next = 0;
  for (let group = 0; group < groups + 10; group++) {
    // The timer has steps of a tenth of a millisecond.
    const begin = performance.now();
    for (let at = 0; at < GROUP; at++, next++) await call(test.pixels.subarray(next * 784, next * 784 + 784));
    times.push((performance.now() - begin) / GROUP);
  }
  // The first ones compile.
  return median(times.slice(10));
}
