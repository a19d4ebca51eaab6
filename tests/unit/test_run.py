"""Programs: what they are given, what they say, and what is left of them when they say or take too much."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bbhv.errors import CommandError
from bbhv.host import run

ROOT = Path(__file__).parents[2]


def test_a_program_gets_its_data_and_says_its_words() -> None:
    data = os.urandom(1 << 20)
    assert run.run(["cat"], timeout=30, stdin=data).stdout == data
    done = run.run(["sh", "-c", "echo out; echo words >&2; exit 3"], timeout=30, ok=(3,))
    assert (done.returncode, done.text, done.stderr) == (3, "out", "words\n")


def test_a_program_that_does_not_read_its_data_is_no_failure() -> None:
    assert run.run(["true"], timeout=30, stdin=bytes(1 << 20)).returncode == 0
    assert run.run(["cat"], timeout=30, stdin=b"").stdout == b""
    assert run.run(["cat"], timeout=30).stdout == b""


def test_what_somebody_talks_to_ends_with_the_program_and_not_with_its_pipes() -> None:
    """A process that the program leaves behind has the pipes still, as one in a container may."""
    code = ("import sys; sys.path.insert(0, sys.argv[1]); from bbhv.host import run; "
            "sys.exit(run.relay(('sh', '-c', 'cat; echo words >&2; sleep 50 & exit 3'), None))")
    done = subprocess.run([sys.executable, "-c", code, str(ROOT)], input="said", capture_output=True, text=True,
                          timeout=40, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (3, "said", "words\n")


def test_pipes_that_do_not_wait_are_waited_for() -> None:
    code = ("import sys; sys.path.insert(0, sys.argv[1]); from bbhv.host import run; "
            "sys.exit(run.relay(('sh', '-c', 'echo ready; cat; head -c 1000000 /dev/zero'), None))")
    (theirs, ours), (hears, says) = os.pipe(), os.pipe()
    for one in (theirs, says):
        os.set_blocking(one, False)
    with subprocess.Popen([sys.executable, "-c", code, str(ROOT)], stdin=theirs, stdout=says) as process:
        os.close(theirs)
        os.close(says)
        assert os.read(hears, 100) == b"ready\n"
        os.write(ours, b"said")
        os.close(ours)
        heard = b""
        while data := os.read(hears, 1 << 12):
            heard += data
        assert process.wait(40) == 0 and heard == b"said" + bytes(1_000_000)
    os.close(hears)


def test_a_file_is_handed_on_as_it_is() -> None:
    with open(__file__, "rb") as file:
        assert run.run(["cat"], timeout=30, stdin=file.fileno()).stdout == Path(__file__).read_bytes()


@pytest.mark.parametrize(("script", "words"), [
    ("exec tail -f /dev/null", "no answer within 0.3 s"), ("echo why >&2; exec tail -f /dev/null", "why"),
    ("exec >&- 2>&-; exec sleep 60", "no answer within 0.3 s"), ("exec yes >&2", "y y y"),
])  # fmt: skip
def test_a_program_that_takes_too_long_is_ended(script: str, words: str, tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(CommandError, match=f"took too long and was ended: {words}"):
        run.run(["sh", "-c", f"echo $$ >{tmp_path}/pid; {script}"], timeout=0.3)
    assert time.monotonic() - start < 10
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()


def test_a_program_that_writes_a_gigabyte_is_ended_and_not_held_in_memory() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from bbhv.errors import CommandError\nfrom bbhv.host import run\n"
        "try: run.run(['head', '-c', '1G', '/dev/zero'], timeout=60)\n"
        "except CommandError as error: print(error.message)\n"
        "run.run(['sh', '-c', 'head -c 1G /dev/zero >&2'], timeout=60)\n"
        "print(*(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-IS", "-c", code, ROOT], capture_output=True, text=True, check=True)
    message, memory = done.stdout.splitlines()
    assert message == "head -c 1G /dev/zero was ended by signal SIGKILL: it wrote more than 67108864 bytes."
    assert int(memory) < 200 << 10  # the most that is kept, twice while it grows
    assert time.monotonic() - start < 30


def test_only_the_end_of_many_complaints_is_kept() -> None:
    done = run.run(["sh", "-c", "head -c 100000 /dev/zero | tr '\\0' x >&2; echo end >&2"], timeout=30)
    assert len(done.stderr) == run.LAST_WORDS and done.stderr.endswith("xend\n")


def test_a_failure_is_worded_once() -> None:
    with pytest.raises(CommandError, match="^false exited with status 1.$"):
        run.run(["false"], timeout=30)
    with pytest.raises(CommandError, match="was ended by signal SIGTERM"):
        run.run(["sh", "-c", "kill $$"], timeout=30, ok=())
    with pytest.raises(CommandError, match="nothing-of-this-name was not found on this host."):
        run.run(["nothing-of-this-name"], timeout=30)


def test_a_failure_of_the_host_names_the_program_that_it_was_about() -> None:
    code = (
        "import os, resource, sys; sys.path.insert(0, sys.argv[1])\nfrom bbhv.host import run\n"
        "last = os.open('/dev/null', os.O_RDONLY)\n"
        "for more in range(1, 12):\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (last + more, 64))\n"
        "    try: print(run.run(['echo', 'a word'], timeout=30).text)\n"
        "    except OSError as error: print(error.strerror, error.filename)"
    )
    done = subprocess.run([sys.executable, "-IS", "-c", code, ROOT], capture_output=True, text=True, timeout=60)
    *short, last = done.stdout.splitlines()
    assert last == "a word", done.stderr
    assert set(short) >= {"Too many open files /dev/null", "Too many open files echo 'a word'"}, short
    assert all(words == last or words.startswith("Too many open files ") for words in short), short
    assert not any("None" in words for words in short), short


def test_an_interruption_ends_programs_and_whoever_waits_for_them_and_takes_it_for_no_failure() -> None:
    code = (
        "import sys, threading; sys.path.insert(0, sys.argv[1])\nfrom bbhv.host import run\n"
        "begun, said = threading.Semaphore(0), []\n"
        "def work(wait):\n"
        "    begun.release()\n"
        "    try: wait()\n"
        "    except KeyboardInterrupt: said.append('interrupted')\n"
        "    except Exception as error: said.append(error)\n"
        "ways = [lambda: run.run(['sleep', '60'], timeout=60), lambda: run.pause(60),\n"
        "        lambda: run.spawn(['sleep', '60']).wait(60)]\n"
        "threads = [threading.Thread(target=work, args=(way,)) for way in ways]\n"
        "for one in threads: one.start(); begun.acquire()\n"
        "run.interrupt()\n"
        "for one in threads: one.join(30)\n"
        "work(lambda: said.append(run.run(['echo', 'main'], timeout=30).text))\n"
        "print(*said)"
    )
    done = subprocess.run([sys.executable, "-IS", "-c", code, ROOT], capture_output=True, text=True, timeout=60)
    assert done.stdout == "interrupted interrupted interrupted main\n", done.stderr


def test_more_descriptors_are_had_and_those_above_1023_are_waited_for() -> None:
    code = (
        "import os, sys; sys.path.insert(0, sys.argv[1])\nfrom bbhv.host import run\n"
        "run.allow_descriptors()\n"
        "read, write = os.pipe(); high = os.dup2(read, 2000)\n"
        "empty = run.has_data(high, 0); os.write(write, b'x'); print(empty, run.has_data(high, 10))"
    )
    command = ["prlimit", "--nofile=64:4096", sys.executable, "-IS", "-c", code, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "False True\n", done.stderr
