"""JAX on the CPU: one jitted training step with donated buffers, or --scan N steps per call; lax convolution in NHWC."""
import os
import common


def extra(p):
    p.add_argument("--scan", type=int, default=0, help="train N steps per call with lax.scan (0: one step per call)")


a = common.setup(extra)
common.one_core_if_one_thread(a.threads)
if a.threads == 1:
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"
os.environ["JAX_PLATFORMS"] = "cpu"
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax import lax  # noqa: E402
from workloads import is_image, layers  # noqa: E402

PEER = f"jax-scan{a.scan}" if a.scan else "jax"


def init(net):
    """A pair (weight, bias) for each layer with parameters, in PyTorch's default range."""
    rng, parameters = np.random.default_rng(0), []
    for layer in layers(net):
        if layer[0] == "pool":
            continue
        kind, inputs, outputs = layer
        bound = 1.0 / np.sqrt(inputs * (9 if kind == "conv" else 1))
        shape = (3, 3, inputs, outputs) if kind == "conv" else (inputs, outputs)
        parameters.append(tuple(jnp.asarray(rng.uniform(-bound, bound, s), jnp.float32) for s in (shape, outputs)))
    return parameters


def pool(x):
    """2x2 max-pooling. Crop, reshape and max: the gradient of lax.reduce_window is slow on the CPU."""
    n, h, w, c = x.shape
    return x[:, :h // 2 * 2, :w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c).max((2, 4))


def forward(net, parameters, x):
    items, rest = layers(net), iter(parameters)
    for i, layer in enumerate(items):
        if layer[0] == "pool":
            x = pool(x)
            continue
        weight, bias = next(rest)
        if layer[0] == "conv":
            x = lax.conv_general_dilated(x, weight, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
            x = jnp.maximum(x + bias, 0)
        else:
            x = x.reshape(x.shape[0], -1) @ weight + bias
            if i + 1 < len(items):
                x = jnp.maximum(x, 0)
    return x


def shape(net, x):
    return x.reshape(x.shape[:-1] + (28, 28, 1)) if is_image(net) else x


def train():
    opt, lr = a.optimizer, a.lr
    x, y = common.batches(a.batch)
    x = shape(a.net, x)

    def loss_fn(ps, xb, yb):
        z = forward(a.net, ps, xb)
        return (jax.nn.logsumexp(z, -1) - jnp.take_along_axis(z, yb[:, None], -1)[:, 0]).mean()

    def update(state, xb, yb):
        ps, m, v, t = state
        loss, g = jax.value_and_grad(loss_fn)(ps, xb, yb)
        tm = jax.tree_util.tree_map
        if opt == "sgd":
            return (tm(lambda p, q: p - lr * q, ps, g), m, v, t), loss
        t = t + 1
        m = tm(lambda s, q: 0.9 * s + 0.1 * q, m, g)
        v = tm(lambda s, q: 0.999 * s + 0.001 * q * q, v, g)
        c1, c2 = 1 - 0.9 ** t, 1 - 0.999 ** t
        return (tm(lambda p, s, r: p - lr * (s / c1) / (jnp.sqrt(r / c2) + 1e-8), ps, m, v), m, v, t), loss

    ps = init(a.net)
    zeros = lambda: jax.tree_util.tree_map(jnp.zeros_like, ps) if opt == "adam" else []  # noqa: E731
    state = [(ps, zeros(), zeros(), jnp.float32(0))]
    nb = len(x)
    if a.scan:
        k = a.scan

        def many(s, xs, ys):
            s, losses = lax.scan(lambda c, b: update(c, *b), s, (xs, ys))
            return s, losses.mean()
        f = jax.jit(many, donate_argnums=0)
        g = nb // k
        xs = [jnp.asarray(x[j * k:(j + 1) * k]) for j in range(g)]
        ys = [jnp.asarray(y[j * k:(j + 1) * k]) for j in range(g)]
    else:
        f, k = jax.jit(update, donate_argnums=0), 1
        xs, ys = [jnp.asarray(b) for b in x], [jnp.asarray(b) for b in y]
    del x

    def step(i):
        j = i % len(xs)
        state[0], loss = f(state[0], xs[j], ys[j])
        return loss

    steps, t, first, final = common.timed(step, float, a.seconds, warmup=max(2, common.WARMUP // k))
    common.emit_train(PEER, jax.__version__, a, (steps * k, t, first, final))


def infer():
    def make(net):
        ps = init(net)

        def to_input(x):
            return jax.device_put(shape(net, np.ascontiguousarray(x)))

        jitted = jax.jit(lambda p, x: forward(net, p, x))
        closed = jax.jit(lambda x: forward(net, ps, x))  # the weights are compile-time constants
        aot = {}

        def ahead(x):  # compiled ahead of time, once per shape
            n = x.shape[0]
            if n not in aot:
                aot[n] = jax.jit(lambda p, x: forward(net, p, x)).lower(ps, x).compile()
            return aot[n](ps, x).block_until_ready()
        return to_input, {"jit": lambda x: jitted(ps, x).block_until_ready(),
                          "jit-const": lambda x: closed(x).block_until_ready(), "aot": ahead}

    common.run_infer(PEER, jax.__version__, a, make)


if a.workload == "infer-1":
    infer()
else:
    train()
