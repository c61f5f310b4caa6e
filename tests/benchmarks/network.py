"""How fast several machines train over a network: the prediction of `docs/distributed.md`, and its check.

`python -m tests.benchmarks.network` (Linux, as root) measures a step of one core by size, and predicts the efficiency
of several machines. The check trains on two simulated machines, with a core each. With more of them, they wait in place
of computing. On a machine with other work, put `chrt -r 10` before the command, or most of the time is spent waiting
for cores.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import median

from seqgen.training.schedule import HALVED, MAX_PARTS
from tests.benchmarks.measure import row
from tests.benchmarks.switch import Network, Switch, address

SIZES = (1, 256), (1, 512), (2, 512), (2, 1024)  # layers and units
CHECKED = SIZES[:2]
BYTES = {"float32": 4, "bfloat16": 2}
PREDICTED = (2, 4, 8, 16, 32, 64), (1e9, 1e10, 1e11)  # machines, and their bandwidths in bits per second
BANDWIDTHS, LATENCIES = (1e8, 1e9), (1e-4, 1e-3)  # of the check, in bits per second and in seconds
GLOO_BANDWIDTH = 9e9  # bits per second that one core sends and adds, measured without a network
HOP_SECONDS = 0.14e-3  # of one of the messages of which an exchange consists, likewise
LAN_SECONDS = 5e-5  # latency in the tables
WAIT_SECONDS = 0.05  # in place of computing
UPDATES = HALVED * MAX_PARTS + (1 - HALVED)  # per step, the mean over a run
STEPS, WARM_UP = 7, 2


def exchange_seconds(network: Network, size: float) -> float:
    """Return how long it takes to add tensors of this number of bytes over all machines.

    A ring all-reduce sends 2 (n - 1) messages of 1 / n of the bytes. Before each, the receiver says that it is ready.
    """
    hops = 2 * (network.machines - 1)
    bandwidth = min(network.bandwidth, GLOO_BANDWIDTH)
    return hops * (HOP_SECONDS + 2 * network.latency + 8 * size / network.machines / bandwidth)


def step_seconds(network: Network, size: float, compute: float, updates: float = 1.0) -> float:
    """Return how long a step takes: nothing overlaps.

    Args:
        network: the network.
        size: bytes of all gradients.
        compute: seconds of everything else.
        updates: their number per step, each with an exchange.
    """
    agreement = exchange_seconds(network, 0)
    return compute + updates * exchange_seconds(network, size) + agreement


@dataclass(frozen=True)
class Measured:
    """Seconds of a step, of its exchange and of everything else, bytes sent per step, and bytes of all gradients."""

    step: float
    exchange: float
    compute: float
    sent: float
    size: int


def measure(
    networks: Sequence[Network], size: tuple[int, int], precision: str, compute: float | None
) -> Iterator[Measured]:
    """Train on several networks of the same number of machines, one after the other.

    Args:
        networks: the networks.
        size: layers and units.
        precision: of products and exchange.
        compute: seconds to wait in place of computing; None to compute.
    """
    with tempfile.TemporaryDirectory() as folder, Switch(networks[0].machines) as switch:
        switch.become(networks[0])
        waits = "" if compute is None else str(compute)
        workers = [
            _start(switch.names, machine, [f"{folder}/{machine}", *map(str, size), precision, waits])
            for machine in range(len(switch.names))
        ]
        num_parameters = max(int(worker.stdout.readline()) for worker in workers)
        for network in networks:
            switch.become(network)
            for worker in workers:
                print(STEPS, file=worker.stdin, flush=True)
            reports = [json.loads(worker.stdout.readline())[WARM_UP:] for worker in workers]
            yield _combined(reports, num_parameters * BYTES[precision])
        for worker in workers:
            worker.stdin.close()
        for worker in workers:
            worker.wait()


def _combined(reports: list[list[dict[str, float]]], size: int) -> Measured:
    """Return the medians of all steps; the last machine to begin an exchange waits for no other."""
    steps = list(zip(*reports, strict=True))
    exchanges = [min(machine["exchange"] for machine in step) for step in steps]
    agreements = [min(machine["agreement"] for machine in step) for step in steps]
    seconds = [max(machine["seconds"] for machine in step) for step in steps]
    others = [all_ - own - other for all_, own, other in zip(seconds, exchanges, agreements, strict=True)]
    sent = median(machine["sent"] for step in steps for machine in step)
    return Measured(median(seconds), median(exchanges), median(others), sent, size)


def _start(names: Sequence[str], machine: int, arguments: list[str]) -> "subprocess.Popen[str]":
    meeting = {"MASTER_ADDR": address(0), "MASTER_PORT": "29400", "WORLD_SIZE": str(len(names)), "RANK": str(machine)}
    settings = {"GLOO_SOCKET_IFNAME": names[machine], "OMP_NUM_THREADS": "1"}
    cores = sorted(os.sched_getaffinity(0))
    command = ["ip", "netns", "exec", names[machine], "taskset", "--cpu-list", str(cores[machine % len(cores)])]
    command += [sys.executable, "-m", "tests.benchmarks.machine", *arguments]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    return subprocess.Popen(command, env=os.environ | meeting | settings, **pipes)


def predict(size: tuple[int, int], precision: str) -> None:
    """Print the step of one machine, and the speed of several per machine as a share of that of one."""
    alone = next(measure([Network(1, 1e9, 0.0)], size, precision, None))
    name = f"{size[0]}x{size[1]} {precision}"
    row(name, f"step {alone.step * 1e3:,.0f} ms", f"{alone.size / 1e6:,.1f} MB of gradients")
    machines, bandwidths = PREDICTED
    for bandwidth in bandwidths:
        networks = [Network(number, bandwidth, LAN_SECONDS) for number in machines]
        shares = [alone.step / step_seconds(network, alone.size, alone.step, UPDATES) for network in networks]
        row(
            f"{name}, {bandwidth / 1e9:g} Gbit/s, {machines} machines", " ".join(f"{share:.0%}" for share in shares), ""
        )


def check(machines: int, size: tuple[int, int], precision: str, compute: float | None) -> None:
    """Print what was measured and predicted on all networks."""
    networks = [Network(machines, *limits) for limits in product(BANDWIDTHS, LATENCIES)]
    for network, got in zip(networks, measure(networks, size, precision, compute), strict=True):
        name = f"{machines} x {size[0]}x{size[1]} {precision}"
        limits = f"{network.bandwidth / 1e6:,.0f} Mbit/s, {network.latency * 1e3:g} ms"
        predicted = step_seconds(network, got.size, got.compute)
        row(
            f"{name}, {limits}",
            f"step {got.step * 1e3:,.0f} ms, exchange {got.exchange * 1e3:,.0f} ms, {got.sent / 1e6:.2f} MB",
            f"step {predicted * 1e3:,.0f} ms, exchange {exchange_seconds(network, got.size) * 1e3:,.0f} ms",
            predicted / got.step,
        )


def main() -> None:
    row("machines x size", "measured", "predicted", None)
    try:
        for size in SIZES:
            predict(size, "bfloat16")
        for size, precision in product(CHECKED, BYTES):
            check(2, size, precision, None)
        for machines in (4, 8):
            check(machines, SIZES[0], "bfloat16", WAIT_SECONDS)
    except (OSError, subprocess.CalledProcessError) as error:
        details = getattr(error, "stderr", None) or error
        print(f"no network namespaces, which need Linux, root, ip and tc: {details}")


if __name__ == "__main__":
    main()
