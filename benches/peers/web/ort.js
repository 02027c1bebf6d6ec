// Times ONNX Runtime Web with our own model, as `digit-pad export --onnx` writes it.
import { latency, testImages } from "./mnist.js";

const ort = globalThis.ort;

globalThis.bench = async () => {
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create("/model.onnx", { executionProviders: ["wasm"] });
  const test = await testImages();
  const [input, output] = [session.inputNames[0], session.outputNames[0]];
  // The file leaves the scaling of its network to its caller.
  const scores = async (pixels) => {
    const scaled = pixels.map((pixel) => (pixel - 0.1307) / 0.3081);
    const results = await session.run({ [input]: new ort.Tensor("float32", scaled, [1, 1, 28, 28]) });
    return results[output].data;
  };
  let hits = 0;
  for (let at = 0; at < 1000; at++) {
    const values = await scores(test.pixels.subarray(at * 784, at * 784 + 784));
    hits += values.indexOf(Math.max(...values)) === test.labels[at];
  }
  return { milliseconds: await latency(scores, test), accuracyOf1000: hits / 1000 };
};
