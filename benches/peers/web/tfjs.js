// Times TensorFlow.js on one of its backends: `tfjs.html` loads it, and compare.py calls `bench`.
import { latency, testImages, trainingImages } from "./mnist.js";

const tf = globalThis.tf;
const { layers } = tf;
const convolution = (filters, kernelSize, more = {}) => layers.conv2d({ filters, kernelSize, ...more });
const relu = { activation: "relu" };
const input = { inputShape: [28, 28, 1] };
const pool = (poolSize) => layers.maxPooling2d({ poolSize, strides: poolSize });

// `example` is the network of TensorFlow.js's own example and tutorial, `dense` that of `digit-pad train --preset mlp`, and `best`
// that of the pad, with batch normalizations folded as the pad and ONNX Runtime fold them.
const NETWORKS = {
  example: () => [
    convolution(8, 5, { ...relu, ...input, kernelInitializer: "varianceScaling" }), pool(2),
    convolution(16, 5, { ...relu, kernelInitializer: "varianceScaling" }), pool(2),
    layers.flatten(), layers.dense({ units: 10, activation: "softmax", kernelInitializer: "varianceScaling" }),
  ],
  dense: () => [
    layers.flatten(input), layers.dense({ units: 256, ...relu }), layers.dense({ units: 128, ...relu }),
    layers.dense({ units: 10, activation: "softmax" }),
  ],
  best: () => [
    convolution(40, 3, { ...relu, ...input }), convolution(48, 3, relu), pool(2),
    convolution(112, 3, relu), convolution(112, 3, relu), pool(2),
    convolution(176, 3, relu), layers.flatten(),
    layers.dense({ units: 128, ...relu }), layers.dense({ units: 10, activation: "softmax" }),
  ],
};
const OPTIMIZERS = {
  momentum: (rate) => tf.train.momentum(rate, 0.9),
  adam: (rate) => tf.train.adam(rate),
};

function network(name) {
  return tf.sequential({ layers: NETWORKS[name]() });
}

async function useBackend(backend) {
  tf.wasm.setWasmPaths("/node_modules/@tensorflow/tfjs-backend-wasm/dist/");
  await tf.setBackend(backend);
  await tf.ready();
}

function accuracy(model, test, images) {
  const hits = [];
  for (let at = 0; at < images; at += 500) {
    const pixels = test.pixels.subarray(at * 784, (at + 500) * 784);
    const classes = tf.tidy(() => model.predictOnBatch(tf.tensor4d(pixels, [500, 28, 28, 1])).argMax(1).dataSync());
    hits.push(...classes.map((digit, index) => digit === test.labels[at + index]));
  }
  return hits.filter(Boolean).length / images;
}

/** Seconds of training, without the checks, until the test set is read with each accuracy of `goals`. */
async function train({ net, optimizer, rate, batch, every, goals, limit }) {
  const [data, test] = [await trainingImages(), await testImages()];
  const model = network(net);
  const images = data.labels.length;
  model.compile({ optimizer: OPTIMIZERS[optimizer](rate), loss: "categoricalCrossentropy" });
  const order = tf.util.createShuffledIndices(images);
  const reached = {};
  let [seconds, step] = [0, 0];
  const steps = Math.floor(images / batch);
  for (let left = [...goals]; left.length && seconds < limit; ) {
    const begin = performance.now();
    for (let count = 0; count < every; count++, step++) {
      if (step % steps === 0) tf.util.shuffle(order);
      const rows = order.slice((step % steps) * batch, (step % steps) * batch + batch);
      const pixels = new Float32Array(batch * 784);
      rows.forEach((row, at) => pixels.set(data.pixels.subarray(row * 784, row * 784 + 784), at * 784));
      const labels = Int32Array.from(rows, (row) => data.labels[row]);
      const x = tf.tensor4d(pixels, [batch, 28, 28, 1]);
      const y = tf.tidy(() => tf.oneHot(tf.tensor1d(labels, "int32"), 10));
      await model.trainOnBatch(x, y);
      tf.dispose([x, y]);
    }
    seconds += (performance.now() - begin) / 1000;
    // A part of the test set first: a whole reading takes longer than the training between two checks.
    let correct = accuracy(model, test, 1000);
    if (correct >= left[0] - 0.008) correct = accuracy(model, test, 10000);
    console.log(`${step * batch} images, ${seconds.toFixed(1)} s: ${correct}`);
    while (left.length && correct >= left[0]) reached[left.shift()] = seconds;
    await tf.nextFrame();
  }
  return { reached, seconds, images: step * batch, imagesPerSecond: (step * batch) / seconds };
}

async function read({ net }) {
  const [test, model] = [await testImages(), network(net)];
  const call = async (pixels) => {
    const output = tf.tidy(() => model.predictOnBatch(tf.tensor4d(pixels, [1, 28, 28, 1])));
    const probabilities = await output.data();
    output.dispose();
    return probabilities;
  };
  return { milliseconds: await latency(call, test) };
}

globalThis.bench = async ({ backend, task, ...how }) => {
  await useBackend(backend);
  return { backend: tf.getBackend(), ...(await (task === "read" ? read(how) : train(how))) };
};
