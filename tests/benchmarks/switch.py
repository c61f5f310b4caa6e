"""Machines and the switch between them, simulated by network namespaces (Linux, as root)."""

import fcntl
import os
import select
import struct
import subprocess
import threading
import time
from collections import deque
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Self

MTU = 9000  # bytes per packet
BURST = 4 * MTU  # bytes that may be sent at once
QUEUE = 1 << 22  # bytes that may wait to be sent
_SET_INTERFACE, _TUN, _NO_INFORMATION = 0x400454CA, 0x0001, 0x1000  # of linux/if_tun.h


@dataclass(frozen=True)
class Network:
    """A network in which every machine is connected to one switch.

    Attributes:
        machines: their number.
        bandwidth: at which each machine sends, in bits per second.
        latency: the time from one machine to another, in seconds.
    """

    machines: int
    bandwidth: float
    latency: float


class Switch(ExitStack):
    """A network namespace with one interface for each machine, and a thread that delivers packets between them.

    `tc` limits the bandwidth. The thread adds the latency, for which `tc` would need a kernel with netem; all machines
    together can send 2 Gbit/s through it.

    Args:
        machines: their number.

    Attributes:
        names: of the namespaces and, in each, of the interface.

    Raises:
        OSError, subprocess.CalledProcessError: the system does not permit this.
    """

    def __init__(self, machines: int) -> None:
        super().__init__()
        self.names = [f"seqgen{machine}" for machine in range(machines)]
        self._cables: list[int] = []
        self._latency = 0.0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for machine, name in enumerate(self.names):
                _run("ip", "netns", "add", name)
                stack.callback(_run, "ip", "netns", "delete", name)
                self._cables.append(_interface(name))
                _run("ip", "link", "set", name, "netns", name)
                _run("ip", "-n", name, "address", "add", f"{address(machine)}/24", "dev", name)
                _run("ip", "-n", name, "link", "set", name, "up", "mtu", str(MTU))
                _run("ip", "-n", name, "link", "set", "lo", "up")
            self.push(stack.pop_all())
        threading.Thread(target=self._deliver, daemon=True).start()
        return self

    def become(self, network: Network) -> None:
        """Limit bandwidth and latency."""
        self._latency = network.latency
        limit = ["rate", f"{network.bandwidth:.0f}bit", "burst", str(BURST), "limit", str(QUEUE)]
        for name in self.names:
            _run("tc", "-n", name, "qdisc", "replace", "dev", name, "root", "tbf", *limit)

    def _deliver(self) -> None:
        waiting: deque[tuple[float, bytes]] = deque()
        with suppress(OSError):  # the namespaces have been deleted
            while True:
                patience = max(0.0, waiting[0][0] - time.perf_counter()) if waiting else None
                for cable in select.select(self._cables, [], [], patience)[0]:
                    packet = os.read(cable, MTU)
                    if packet[0] >> 4 == 4:  # IPv4
                        waiting.append((time.perf_counter() + self._latency, packet))
                while waiting and waiting[0][0] <= time.perf_counter():
                    packet = waiting.popleft()[1]
                    os.write(self._cables[packet[19] - 1], packet)  # by the last byte of the destination


def address(machine: int) -> str:
    """Return the address of a machine."""
    return f"10.77.0.{machine + 1}"


def _interface(name: str) -> int:
    """Make an interface that only this process drives; return the file descriptor for its packets."""
    cable = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(cable, _SET_INTERFACE, struct.pack("16sH", name.encode(), _TUN | _NO_INFORMATION))
    return cable


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True)
