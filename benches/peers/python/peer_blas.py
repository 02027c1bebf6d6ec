"""Matrix products: NumPy (OpenBLAS), or with --torch torch.mm (MKL). C = A(m,k) @ B(k,n), f32, row-major."""
import common


def extra(p):
    p.add_argument("--torch", action="store_true", help="torch.mm instead of NumPy")


a = common.setup(extra, gemm=True)
import time  # noqa: E402
import numpy as np  # noqa: E402
import threadpoolctl  # noqa: E402
from workloads import GEMM  # noqa: E402

if a.torch:
    import torch
    torch.set_num_threads(a.threads)
    peer = "mkl"
    config = (s for s in torch.__config__.show().splitlines() if "Math Kernel" in s)
    mkl = next((s.split("Version ")[1].split("-")[0] for s in config), "unknown")
    version, kernel = f"{mkl} (PyTorch {torch.__version__})", torch.backends.cpu.get_cpu_capability()
else:
    peer = "openblas"
    threadpoolctl.threadpool_limits(a.threads, user_api="blas")
    info = next(i for i in threadpoolctl.threadpool_info() if i["user_api"] == "blas")
    assert info["num_threads"] == a.threads, info
    version, kernel = f"{info['version']} (NumPy {np.__version__})", info["architecture"]

rng = np.random.default_rng(0)
for m, n, k in GEMM:
    A, B = rng.standard_normal((m, k), np.float32), rng.standard_normal((k, n), np.float32)
    C = np.empty((m, n), np.float32)
    expected = A @ B
    if a.torch:
        TA, TB, TC = torch.from_numpy(A), torch.from_numpy(B), torch.from_numpy(C)
        call = lambda: torch.mm(TA, TB, out=TC)  # noqa: E731
    else:
        call = lambda: np.matmul(A, B, out=C)  # noqa: E731
    for _ in range(3):
        call()
    assert np.allclose(C, expected, atol=1e-2, rtol=1e-3), (m, n, k)
    start = time.perf_counter()
    call()
    once = max(time.perf_counter() - start, 1e-7)
    calls = max(1, int(a.seconds / 5 / once))
    rates = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        rates.append(2.0 * m * n * k * calls / (time.perf_counter() - start) / 1e9)
    common.emit(peer=peer, version=version, workload="gemm", m=m, n=n, k=k, gflops=sorted(rates)[2],
                gflops_best=max(rates), threads=a.threads, kernel=kernel)
