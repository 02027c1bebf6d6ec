"""Keras on TensorFlow, CPU: train_on_batch and fit, each with and without XLA, of which the fastest is timed; prediction
also with TensorFlow Lite."""
import os
import common


def extra(p):
    p.add_argument("--mode", default="auto", help="auto, or one of batch, batch-xla, fit, fit-xla")
    p.add_argument("--probe", type=float, default=0.0, help="seconds per variant while choosing (0: seconds/4, at most 2)")


a = common.setup(extra)
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["TF_NUM_INTRAOP_THREADS"] = str(a.threads)
common.one_core_if_one_thread(a.threads)
import sys  # noqa: E402
import time  # noqa: E402
import tensorflow as tf  # noqa: E402
from workloads import is_image, layers  # noqa: E402

tf.config.threading.set_intra_op_parallelism_threads(a.threads)
tf.config.threading.set_inter_op_parallelism_threads(1)
keras = tf.keras
L = keras.layers
VERSION = f"tf {tf.__version__} keras {keras.__version__}"


def build(net):
    tf.keras.utils.set_random_seed(0)
    ls, cnn = layers(net), is_image(net)
    m = keras.Sequential([keras.Input((28, 28, 1) if cnn else (784,))])
    flat = not cnn
    for i, l in enumerate(ls):
        if l[0] == "conv":
            m.add(L.Conv2D(l[2], 3, activation="relu"))
        elif l[0] == "pool":
            m.add(L.MaxPool2D(2))
        else:
            if not flat:
                m.add(L.Flatten())
                flat = True
            m.add(L.Dense(l[2], activation="relu" if i + 1 < len(ls) else None))
    return m


def compiled(xla, spe):
    m = build(a.net)
    m.compile(optimizer=keras.optimizers.SGD(a.lr) if a.optimizer == "sgd" else keras.optimizers.Adam(a.lr),
              loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=xla, steps_per_execution=spe)
    return m


def train():
    x, y = common.batches(a.batch)
    if is_image(a.net):
        x = x.reshape(x.shape[:2] + (28, 28, 1))
    nb = len(x)

    def batch(xla, seconds):
        m = compiled(xla, 1)
        xs, ys = [tf.constant(b) for b in x], [tf.constant(b) for b in y]
        first = float(m.evaluate(x[0], y[0], batch_size=a.batch, verbose=0))

        def step(i):
            if i % 100 == 0:
                m.reset_metrics()  # the returned loss is a running mean
            return m.train_on_batch(xs[i % nb], ys[i % nb])
        steps, t, _, final = common.timed(step, float, seconds)
        return steps, t, first, final

    def fit(xla, seconds):
        # Keras' documentation advises several steps per graph call for small models
        spe = 1 if is_image(a.net) else 20
        m = compiled(xla, spe)
        ds = tf.data.Dataset.from_tensor_slices((x, y)).repeat().prefetch(2)
        first = float(m.evaluate(x[0], y[0], batch_size=a.batch, verbose=0))
        m.fit(ds, steps_per_epoch=common.WARMUP, epochs=1, shuffle=False, verbose=0)
        t = time.perf_counter()
        m.fit(ds, steps_per_epoch=common.WARMUP, epochs=1, shuffle=False, verbose=0)
        rate = common.WARMUP / (time.perf_counter() - t)
        start, steps, t0 = int(m.optimizer.iterations.numpy()), 0, time.perf_counter()
        while True:
            left = seconds - (time.perf_counter() - t0)
            if left <= 0:
                break
            n = max(common.WARMUP, int(rate * left) // 20 * 20)
            m.fit(ds, steps_per_epoch=n, epochs=1, shuffle=False, verbose=0)
            steps = int(m.optimizer.iterations.numpy()) - start  # as the optimizer counts them
            rate = steps / (time.perf_counter() - t0)
        t = time.perf_counter() - t0
        # fit reports the mean over its steps; score the trained model on 10 late batches instead
        final = float(m.evaluate(x[-10:].reshape((-1,) + x.shape[2:]), y[-10:].reshape(-1), batch_size=a.batch, verbose=0))
        return steps, t, first, final

    modes = {"batch": lambda s: batch(False, s), "batch-xla": lambda s: batch(True, s),
             "fit": lambda s: fit(False, s), "fit-xla": lambda s: fit(True, s)}
    probe, bad = {}, {}
    if a.mode != "auto":
        best = a.mode
    else:
        for k, f in modes.items():
            try:
                r = f(a.probe or min(2.0, a.seconds / 4))
                probe[k] = round(r[0] * a.batch / r[1])
            except Exception as e:
                bad[k] = f"{type(e).__name__}: {e}"[:200]
                print(f"{k}: {e}", file=sys.stderr)
        best = max(probe, key=probe.get)
    common.emit_train("keras", VERSION, a, modes[best](a.seconds), variant=best, probe=probe, **({"failed": bad} if bad else {}))


def infer():
    def make(net):
        m = build(net)

        def to_input(x):
            return tf.constant(x.reshape(-1, 28, 28, 1) if is_image(net) else x)

        v = {"model()": lambda x: m(x, training=False).numpy()}
        v["predict_on_batch"] = lambda x: m.predict_on_batch(x)
        fn = tf.function(lambda x: m(x, training=False), reduce_retracing=False)
        v["tf.function"] = lambda x: fn(x).numpy()
        fx = tf.function(lambda x: m(x, training=False), jit_compile=True)
        v["tf.function-xla"] = lambda x: fx(x).numpy()
        try:
            import logging
            import warnings
            logging.disable(logging.WARNING)
            warnings.simplefilter("ignore")
            spec = tf.TensorSpec((None,) + tuple(m.inputs[0].shape[1:]), tf.float32)
            conc = tf.function(lambda x: m(x, training=False)).get_concrete_function(spec)
            # the converter does not freeze the variables of Keras 3, and its output is then wrong: freeze them first
            from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
            flat = tf.lite.TFLiteConverter.from_concrete_functions([convert_variables_to_constants_v2(conc)]).convert()
            assert len(flat) > 4 * m.count_params(), "weights are not in the tflite model"
            lites = {}

            def lite(x):
                n = int(x.shape[0])
                if n not in lites:
                    ip = tf.lite.Interpreter(model_content=flat, num_threads=a.threads)
                    ip.resize_tensor_input(ip.get_input_details()[0]["index"], x.shape, strict=False)
                    ip.allocate_tensors()
                    lites[n] = (ip, ip.get_input_details()[0]["index"], ip.get_output_details()[0]["index"])
                ip, i, o = lites[n]
                ip.set_tensor(i, x.numpy())
                ip.invoke()
                return ip.get_tensor(o)
            v["tflite"] = lite
        except Exception as e:
            v["tflite"] = e
        return to_input, v

    common.run_infer("keras", VERSION, a, make)


if a.workload == "infer-1":
    infer()
else:
    train()
