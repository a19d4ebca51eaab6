"""Runs a program on a host whose clock is wrong: `python3 clock.py SECONDS PROGRAM…`, seconds since the epoch.

The clock of a test host is that of the machine, which nobody may set. So the program is traced (ptrace(2)) without the
kernel's page of shortcuts (vdso(7)): it has to ask the kernel for the time, and the answer is replaced. Its children
are not traced and see the right time. For x86-64.
"""

import ctypes
import os
import signal
import struct
import sys

TRACEME, GETREGS, SYSCALL, SETOPTIONS = 0, 12, 24, 0x4200
SYSGOOD, EXITKILL = 0x1, 0x100000
AT_IGNORE, AT_SYSINFO_EHDR = 1, 33
CLOCK_GETTIME, REALTIME = 228, 0
# The places of what the call is asked with in the registers, user_regs_struct of <sys/user.h>.
RSI, RDI, CALL, COUNT = 13, 14, 15, 27

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


def ptrace(request: int, pid: int, data: int | None = None) -> None:
    """One call of ptrace."""
    if _libc.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def forget_shortcuts(pid: int) -> None:
    """Takes from a process that was just begun the address of the page by which it could tell the time itself."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        at = int(file.read().rpartition(")")[2].split()[25])  # startstack of proc(5): argc, argv, envp, then auxv
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        def word(place: int) -> int:
            memory.seek(place)
            return int(struct.unpack("Q", memory.read(8))[0])

        at += 8 * (word(at) + 2)
        while word(at):
            at += 8
        at += 8
        while kind := word(at):
            if kind == AT_SYSINFO_EHDR:
                memory.seek(at)
                memory.write(struct.pack("Q", AT_IGNORE))
            at += 16


def replace_answer(pid: int, seconds: int) -> None:
    """After a call that asked for the time of day: another one is there."""
    registers = (ctypes.c_ulonglong * COUNT)()
    ptrace(GETREGS, pid, ctypes.addressof(registers))
    if registers[CALL] == CLOCK_GETTIME and registers[RDI] & 0xFFFFFFFF == REALTIME:
        with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
            memory.seek(registers[RSI])
            memory.write(struct.pack("qq", seconds, 0))


def main(seconds: int, argv: list[str]) -> int:
    """Runs the program to its end and returns its exit status."""
    pid = os.fork()
    if not pid:
        ptrace(TRACEME, 0)
        os.execvp(argv[0], argv)
    os.waitpid(pid, 0)
    forget_shortcuts(pid)
    ptrace(SETOPTIONS, pid, SYSGOOD | EXITKILL)
    signal_number, entered = 0, False
    while True:
        ptrace(SYSCALL, pid, signal_number)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSTOPPED(status):
            return os.waitstatus_to_exitcode(status)
        stopped = os.WSTOPSIG(status)
        signal_number = 0
        if stopped == signal.SIGTRAP | 0x80:
            entered = not entered
            if not entered:
                replace_answer(pid, seconds)
        elif stopped != signal.SIGTRAP:  # that of a program that was begun
            signal_number = stopped


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
