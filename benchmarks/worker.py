"""One contender in a process of its own, so that no library's threads disturb another's."""

import multiprocessing
import os
import traceback
from multiprocessing.connection import Connection
from time import perf_counter
from typing import Any

from cases import Case

CONTENDERS = ("irnn", "nn.RNN", "torch.compile", "jax scan", "floor")
LONGEST_ROUND = 0.8  # seconds, then a round ends with the updates at hand
PIECE = 4  # updates between two looks at the clock
PYTORCH_AVX2 = {  # its own kernels, and the two libraries that it multiplies with
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
}


class Worker:
    """The parent's end: asks the process to do something and waits for the answer."""

    def __init__(self, contender: str, threads: int) -> None:
        self.contender = contender
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(contender, threads, theirs), daemon=True
        )
        self._process.start()

    def ask(self, request: str, *arguments: Any, limit: float | None = None) -> Any:
        """Send a request; raise RuntimeError when it fails or takes longer than `limit` seconds."""
        self._pipe.send((request, arguments))
        if not self._pipe.poll(limit):
            self.stop()
            raise RuntimeError(f"did not finish in {limit:.0f} s")
        try:
            good, answer = self._pipe.recv()
        except EOFError:
            self.stop()
            raise RuntimeError(
                f"its process ended (exit status {self._process.exitcode})"
            ) from None
        if not good:
            raise RuntimeError(answer)
        return answer

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join()


def serve(contender: str, threads: int, pipe: Connection) -> None:
    """Answer requests until the parent is gone."""
    if contender.startswith("jax") and threads == 1:
        # XLA has no setting for the number of threads that it always respects.
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.environ["JAX_PLATFORMS"] = "cpu"
    if contender.startswith("irnn "):
        os.environ["IRNN_NATIVE_ISA"] = contender.split()[1]
    if contender == "nn.RNN avx2":
        os.environ.update(PYTORCH_AVX2)
    import torch

    torch.set_num_threads(threads)
    torch.set_flush_denormal(
        True
    )  # as our training does: a gradient that vanishes must not slow anybody down
    server = Server(contender)
    while True:
        try:
            request, arguments = pipe.recv()
        except EOFError:
            return
        try:
            pipe.send((True, getattr(server, request)(*arguments)))
        except Exception as error:
            traceback.print_exc()
            pipe.send((False, f"{type(error).__name__}: {error}".splitlines()[0]))


class Server:
    """The requests that a worker answers."""

    def __init__(self, contender: str) -> None:
        self.contender = contender

    def prepare(self, case: Case) -> list[float]:
        """Build the contender, warm it up, and return the losses of its first updates."""
        if self.contender == "floor":
            return []
        self.run = self._contender()(case)
        return self.run(5)

    def _contender(self) -> Any:
        if self.contender == "jax scan":
            from jax_contender import JaxScan

            return JaxScan
        import contenders

        return {
            "irnn": contenders.Project,
            "nn.RNN": contenders.PlainLoop,
            "torch.compile": contenders.CompiledLoop,
        }[self.contender.removesuffix(" avx2")]

    def time(self, case: Case) -> float:
        """Measure one round: seconds per update. A slow contender's round is cut short."""
        if self.contender == "floor":
            from machine import product_rate

            return case.flops() / product_rate()
        begun, done = perf_counter(), 0
        while done < case.updates() and perf_counter() - begun < LONGEST_ROUND:
            piece = min(case.updates() - done, PIECE)
            self.run(piece)
            done += piece
        return (perf_counter() - begun) / done

    def shares(self, case: Case) -> dict[str, float]:
        """Say what else than the kernel an update is spent on."""
        shares: dict[str, float] = self.run.shares(case.updates())
        return shares
