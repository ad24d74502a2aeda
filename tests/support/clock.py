"""The clocks of a weir under test: set back, forward, or run on, while it runs.

    clock = Clock(tmp_path)
    running = weir(text, env=clock.env)
    clock.set_wall(-3600)     # the wall clock is an hour behind
    clock.skip(61)            # a minute passes, for weir
"""
import mmap
import os
import struct
import subprocess
from pathlib import Path

from support.weir import binary, is_sanitized

SOURCE = Path(__file__).with_name("clock_shim.c")
NS = 1_000_000_000


def _build(folder):
    shim = Path(folder) / "clock_shim.so"
    subprocess.run(["cc", "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC",
                    "-o", shim, SOURCE, "-ldl"], check=True)
    return shim


def _asan():
    """ASan's library must come before all others."""
    if not is_sanitized(binary()):
        return []
    done = subprocess.run(["cc", "-print-file-name=libasan.so"], capture_output=True, text=True,
                          check=True)
    return [os.path.realpath(done.stdout.strip())]


class Clock:
    def __init__(self, folder):
        file = Path(folder) / "clock"
        file.write_bytes(bytes(16))
        with open(file, "r+b") as opened:
            self._shifts = mmap.mmap(opened.fileno(), 16)
        libraries = [*_asan(), str(_build(folder))]
        self.env = {"WEIR_TEST_CLOCK": str(file), "LD_PRELOAD": " ".join(libraries)}
        self._wall = self._skipped = 0

    def _write(self):
        self._shifts[:] = struct.pack("qq", int((self._wall + self._skipped) * NS),
                                      int(self._skipped * NS))

    def set_wall(self, seconds):
        """The wall clock differs by that from the true one; it may step either way."""
        self._wall = seconds
        self._write()

    def skip(self, seconds):
        """Time passes, on both clocks."""
        self._skipped += seconds
        self._write()
