"""PyTorch on the CPU: eager, or --compile for torch.compile; --channels-last for NHWC."""
import copy
import common


def extra(p):
    p.add_argument("--compile", action="store_true", help="compile the loss and the optimizer step (needs a C++ compiler)")
    p.add_argument("--channels-last", action="store_true")


a = common.setup(extra)
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch_net import build as build_net  # noqa: E402
from workloads import is_image  # noqa: E402

torch.set_num_threads(a.threads)
torch.manual_seed(0)
PEER = "torch" + "-compile" * a.compile + "-channels-last" * a.channels_last


def build(net):
    model = build_net(net)
    return model.to(memory_format=torch.channels_last) if a.channels_last else model


def shape(net, x):
    if is_image(net):
        x = x.reshape(-1, 1, 28, 28)
        if a.channels_last:
            x = x.contiguous(memory_format=torch.channels_last)
    return x


def train():
    x, y = common.batches(a.batch)
    xs = [shape(a.net, torch.from_numpy(b)) for b in x]
    ys = [torch.from_numpy(b).long() for b in y]
    model = build(a.net)
    kind = torch.optim.SGD if a.optimizer == "sgd" else torch.optim.Adam
    optimizer = kind(model.parameters(), lr=a.lr, fused=not a.compile)

    def loss_of(xb, yb):
        return F.cross_entropy(model(xb), yb)

    update = optimizer.step
    if a.compile:
        loss_of, update = torch.compile(loss_of), torch.compile(update)
    n = len(xs)

    def step(i):
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(xs[i % n], ys[i % n])
        loss.backward()
        update()
        return loss.detach()

    common.emit_train(PEER, torch.__version__, a, common.timed(step, lambda loss: loss.item(), a.seconds))


def infer():
    @torch.inference_mode(False)
    def make(net):
        model = build(net).eval()

        def to_input(x):
            return shape(net, torch.from_numpy(x.copy()))

        example = to_input(common.idx("t10k")[0][:1].astype("float32"))
        variants = {"eager": model}
        if a.compile:
            import torch._inductor.config as config
            config.freezing = True  # PyTorch's documented setting for inference on the CPU
            variants["compile"] = torch.compile(copy.deepcopy(model), dynamic=False)
            variants["compile-autotune"] = torch.compile(copy.deepcopy(model), mode="max-autotune", dynamic=False)
            return to_input, variants
        try:  # deprecated, and often the fastest
            with torch.no_grad():
                frozen = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(model, example)))
            variants["jit-frozen"] = frozen
        except Exception as e:
            variants["jit-frozen"] = e
        try:
            from torch.utils import mkldnn
            converted = mkldnn.to_mkldnn(copy.deepcopy(model))
            variants["mkldnn"] = lambda x: converted(x.to_mkldnn()).to_dense()
        except Exception as e:
            variants["mkldnn"] = e
        return to_input, variants

    with torch.inference_mode():
        common.run_infer(PEER, torch.__version__, a, make)


if a.workload == "infer-1":
    infer()
else:
    train()
