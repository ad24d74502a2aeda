"""The state directory in trouble: a full disk, one that cannot be written, a damaged or
missing database. weir serves on, decides on, says so, and starts safe."""
import os
import resource
import shutil
import signal
import sqlite3
import subprocess

import pytest

from support.client import Client
from support.cohort import is_canary
from support.weir import run_weir, settings, wait_for

WEIGHT = 200_000
USERS = [f"user-{n}" for n in range(60)]
EXPECTED = sum(is_canary("shop", u, WEIGHT) for u in USERS)


@pytest.fixture
def arms(upstream):
    return upstream("legacy"), upstream("canary")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, of 2 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place],
                          capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def plan(arms, release="r1", stages="20% 1h, 50% 1h, 100%"):
    return settings(*arms, stages=stages, route={"release": release})


def arms_of(running, users=USERS):
    with Client(running.port) as client:
        answers = [client.request(fields={"X-User-Id": u}) for u in users]
    assert {a.status for a in answers} <= {200, 503}
    return [a.arm for a in answers]


def share(running):
    return arms_of(running).count("canary")


def is_in_trouble(running):
    """Says so in all three places; returns the words."""
    store = wait_for("trouble", lambda: (found := running.status()["store"])["ok"] is False and found)
    assert running.metric("weir_store_ok") == 0
    assert running.wait_line(r"error .*state is not stored: ")
    assert store["text"] in " ".join(running.cli("status").stdout.split())
    return store["text"]


def is_well_again(running, since):
    wait_for("a disk that works again", lambda: running.status()["store"]["ok"])
    running.wait_line("state is stored again", since)
    assert running.metric("weir_store_ok") == 1
    assert running.status()["journal_failures"] == 0
    running.verify()


def decides_on(running, arms):
    """A person's decision takes effect, and so does a rollback of the guard's."""
    running.cli("promote", "shop")
    assert running.route()["weight_ppm"] == 500_000
    arms[1].fail("/", 1)
    for _ in range(20):
        arms_of(running)
        if running.route()["state"] == "rolled_back":
            break
    assert running.route()["state"] == "rolled_back"
    assert share(running) == 0


def fill(place):
    try:
        with open(place / "filling", "wb") as file:
            while True:
                file.write(bytes(4096))
                file.flush()
    except OSError:
        pass


def test_a_full_disk_stops_neither_traffic_nor_decisions(arms, weir, small_disk):
    running = weir(plan(arms), state_dir=small_disk)
    assert share(running) == EXPECTED
    fill(small_disk)
    decides_on(running, arms)
    assert "full" in is_in_trouble(running)
    assert running.metric("weir_store_pending") > 0
    lines = len(running.lines)
    (small_disk / "filling").unlink()
    is_well_again(running, lines)
    actions = [r["action"] for r in running.journal() if r["action"] != "hold"]
    assert actions == ["start", "promote", "rollback"]


def test_a_rollback_on_a_full_disk_outlives_a_kill(arms, weir, small_disk):
    running = weir(plan(arms), state_dir=small_disk)
    arms_of(running)
    fill(small_disk)
    decides_on(running, arms)
    running.kill()
    running.start()
    assert (running.route()["weight_ppm"], share(running)) == (0, 0)
    running.kill()
    (small_disk / "filling").unlink()
    running.start()
    route = running.route()
    assert (route["state"], route["weight_ppm"], share(running)) == ("rolled_back", 0, 0)


def test_a_weir_that_starts_with_a_full_disk_serves_and_recovers(arms, weir, small_disk):
    fill(small_disk)
    running = weir(plan(arms), state_dir=small_disk)
    assert share(running) == 0  # who knows what was decided there
    is_in_trouble(running)
    lines = len(running.lines)
    (small_disk / "filling").unlink()
    is_well_again(running, lines)


@pytest.fixture
def failing_disk(tmp_path):
    """A file system that turns read-only when break_() finds an error on it."""
    place, image = tmp_path / "disk", tmp_path / "image"
    place.mkdir()
    with open(image, "wb") as file:
        file.truncate(8 << 20)
    for command in (["/usr/sbin/mkfs.ext4", "-q", "-F", image],
                    ["mount", "-o", "loop,errors=remount-ro", image, place]):
        try:
            done = subprocess.run(command, capture_output=True, text=True)
        except OSError as problem:
            pytest.skip(str(problem))
        if done.returncode != 0:
            pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")

    class Disk:
        path = place

        @staticmethod
        def break_():
            device = os.path.basename(subprocess.check_output(
                ["findmnt", "-n", "-o", "SOURCE", place], text=True).strip())
            with open(f"/sys/fs/ext4/{device}/trigger_fs_error", "w") as file:
                file.write("1")

    yield Disk
    subprocess.run(["umount", "-l", place], check=True)


def test_a_file_system_that_turns_read_only_stops_nothing(arms, weir, failing_disk):
    running = weir(plan(arms), state_dir=failing_disk.path)
    share(running)
    running.journal()
    failing_disk.break_()
    decides_on(running, arms)
    is_in_trouble(running)
    assert running.metric("weir_store_pending") > 0


def test_a_weir_that_starts_on_a_read_only_file_system_is_safe_and_recovers(arms, weir, small_disk):
    running = weir(plan(arms), state_dir=small_disk)
    running.cli("promote", "shop")
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(timeout=20) == 0
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    running.start()
    assert (running.route()["weight_ppm"], share(running)) == (0, 0)
    is_in_trouble(running)
    lines = len(running.lines)
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    is_well_again(running, lines)
    running.cli("resume", "shop")
    assert share(running) == EXPECTED


def test_a_limit_on_the_size_of_files_stops_nothing(arms, weir):
    """As `ulimit -f` or systemd's LimitFSIZE sets it; it works where nothing can be mounted."""
    running = weir(plan(arms))
    share(running)
    running.journal()
    resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
    decides_on(running, arms)
    is_in_trouble(running)
    lines = len(running.lines)
    resource.prlimit(running.pid, resource.RLIMIT_FSIZE,
                     (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    is_well_again(running, lines)


# A database that is not what it was.


def garbage(file):
    file.write_bytes(b"\x5a" * 65536)


def truncated(file):
    os.truncate(file, file.stat().st_size // 2)


def one_page_overwritten(file):
    """Its tables."""
    with open(file, "r+b") as opened:
        opened.seek(100)
        opened.write(b"\xa5" * 3000)


def empty(file):
    os.truncate(file, 0)


def another_program_s(file):
    file.unlink()
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE users(name)")


@pytest.mark.parametrize("damage", [garbage, truncated, one_page_overwritten, another_program_s,
                                    empty])
def test_a_damaged_database_holds_every_release_back(arms, weir, damage):
    running = weir(plan(arms))
    assert share(running) == EXPECTED
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(timeout=20) == 0
    damage(running.state_dir / "weir.db")
    running.start()
    route = running.route()
    assert (route["state"], route["weight_ppm"], share(running)) == ("rolled_back", 0, 0)
    assert running.wait_line("damaged|is gone|an older one")
    words = route["reason"] + running.journal()[-1]["reason"]
    assert "database" in words
    assert running.status()["store"]["ok"]  # another one was begun
    running.verify()
    # A person looks, and lets it go on; that holds from then on.
    running.cli("resume", "shop")
    assert share(running) == EXPECTED
    running.restart()
    assert share(running) == EXPECTED


def test_a_damaged_database_is_kept_to_be_looked_at(arms, weir):
    running = weir(plan(arms))
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(timeout=20) == 0
    garbage(running.state_dir / "weir.db")
    running.start()
    kept = list(running.state_dir.glob("weir.db.damaged-*"))
    assert [k.read_bytes()[:2] for k in kept] == [b"\x5a\x5a"]


def test_a_rolled_back_release_stays_out_after_its_database_is_damaged(arms, weir):
    running = weir(plan(arms))
    running.cli("rollback", "shop")
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(timeout=20) == 0
    garbage(running.state_dir / "weir.db")
    running.start()
    running.restart()
    assert (running.route()["state"], share(running)) == ("rolled_back", 0)


@pytest.mark.parametrize("command, weight", [("promote", 500_000), ("rollback", 0)])
def test_a_database_that_is_deleted_while_weir_runs_is_begun_anew(arms, weir, command, weight):
    """What it held goes into the new one; that decisions are missing stays to be seen."""
    running = weir(plan(arms))
    running.cli(command, "shop")
    running.journal()
    for file in running.state_dir.iterdir():
        file.unlink()
    assert running.route()["weight_ppm"] == weight
    running.wait_line("weir.db is gone from")
    running.wait_line("state is stored again")
    running.wait_line("2 decisions of the past are missing")
    running.cli("set-weight", "shop", "0%", check=False)
    running.wait_route("it to be stored", lambda _: running.status()["store"]["pending"] == 0)
    running.kill()
    running.start()
    assert running.route()["weight_ppm"] == 0
    assert running.route()["release"] == "r1" and running.status()["store"]["ok"]


def test_a_directory_that_is_removed_is_made_anew(arms, weir):
    running = weir(plan(arms))
    share(running)
    running.journal()
    shutil.rmtree(running.state_dir)
    running.cli("rollback", "shop", "--why", "gone")
    running.wait_line("weir.db is gone from")
    running.wait_line("state is stored again")
    wait_for("it to be stored", lambda: running.status()["store"]["pending"] == 0)
    # And what is to be at hand on a full disk is there again, too.
    assert (running.state_dir / "latches.now").stat().st_size > 128 * 1024
    running.kill()
    running.start()
    assert (running.route()["state"], share(running)) == ("rolled_back", 0)


def copied(running, to):
    """The database as it is now."""
    with sqlite3.connect(running.state_dir / "weir.db") as now, sqlite3.connect(to) as copy:
        now.backup(copy)
    return to


def put_back(running, copy):
    """In the place of the one that weir has open."""
    lines = len(running.lines)
    for file in ("weir.db-wal", "weir.db-shm"):
        (running.state_dir / file).unlink(missing_ok=True)
    os.rename(copy, running.state_dir / "weir.db")
    running.wait_line("weir.db is gone from", lines)
    running.wait_line("state is stored again", lines)
    wait_for("it to be stored", lambda: running.status()["store"]["pending"] == 0)


def latches_in(running):
    with sqlite3.connect(running.state_dir / "weir.db") as db:
        return [release for release, in db.execute("SELECT release FROM latches")]


def test_an_older_database_that_is_put_back_learns_what_weir_knows(arms, weir, tmp_path):
    running = weir(plan(arms))
    running.journal()
    copy = copied(running, tmp_path / "old.db")
    running.cli("rollback", "shop")
    running.reload(plan(arms, "r2"))
    running.journal()
    wait_for("it to be stored", lambda: running.status()["store"]["pending"] == 0)
    # The slots' word alone would do until they are used for others.
    put_back(running, copy)
    wait_for("the latch", lambda: latches_in(running) == ["r1"])
    (running.state_dir / "latches.now").unlink()
    running.kill()
    running.start()
    running.reload(plan(arms, "r1"))
    assert (running.route()["state"], share(running)) == ("rolled_back", 0)


def test_an_older_database_that_is_put_back_rolls_nothing_back_that_was_resumed(arms, weir, tmp_path):
    running = weir(plan(arms))
    running.cli("rollback", "shop")
    wait_for("it to be stored", lambda: latches_in(running) == ["r1"])
    copy = copied(running, tmp_path / "old.db")
    running.cli("resume", "shop")
    wait_for("it to be stored", lambda: latches_in(running) == [])
    put_back(running, copy)
    wait_for("the latch to go", lambda: latches_in(running) == [])
    running.reload(plan(arms, stages="20% 2h, 50% 1h, 100%"))
    assert (running.route()["state"], share(running)) == ("running", EXPECTED)


def test_the_whole_directory_may_go_and_come_back(arms, weir):
    running = weir(plan(arms))
    share(running)
    running.journal()
    shutil.rmtree(running.state_dir)
    running.state_dir.write_text("no directory")
    decides_on(running, arms)
    is_in_trouble(running)
    lines = len(running.lines)
    running.state_dir.unlink()
    wait_for("a disk that works again", lambda: running.status()["store"]["ok"], 20)
    running.wait_line("state is stored again", lines)
    running.kill()
    running.start()
    assert (running.route()["state"], share(running)) == ("rolled_back", 0)


# The journal.


@pytest.fixture
def written(arms, weir):
    """The database of a weir that has ended, with five rows in its journal."""
    running = weir(plan(arms))
    for command in ("pause", "resume", "promote", "rollback"):
        running.cli(command, "shop", "--why", "because")
    assert len(running.journal()) == 5
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(timeout=20) == 0
    return running.state_dir


CHANGES = {
    "a reason": "UPDATE journal SET reason = 'nothing happened' WHERE seq = 3",
    "a time": "UPDATE journal SET time_us = time_us - 1 WHERE seq = 1",
    "who did it": "UPDATE journal SET who = 'user:nobody' WHERE seq = 5",
    "the counters": "UPDATE journal SET counters = '{}' WHERE seq = 4",
    "a hash": "UPDATE journal SET hash = prev_hash WHERE seq = 2",
    "a row in the middle that is gone": "DELETE FROM journal WHERE seq = 3",
    "the first row that is gone": "DELETE FROM journal WHERE seq = 1",
    "the last row that is gone": "DELETE FROM journal WHERE seq = 5",
    "all rows that are gone": "DELETE FROM journal",
    "two rows that changed places": "UPDATE journal SET seq = 9 WHERE seq = 2;"
                                    "UPDATE journal SET seq = 2 WHERE seq = 3;"
                                    "UPDATE journal SET seq = 3 WHERE seq = 9",
}


@pytest.mark.parametrize("name", CHANGES)
def test_verify_finds(written, name):
    done = run_weir("journal", "--verify", "--state-dir", written)
    assert done.returncode == 0 and "ok 5 rows" in done.stdout
    with sqlite3.connect(written / "weir.db") as db:
        for trigger in (1, 2):
            db.execute(f"DROP TRIGGER journal_is_append_only_{trigger}")
        db.executescript(CHANGES[name])
    done = run_weir("journal", "--verify", "--state-dir", written)
    assert done.returncode == 1
    assert done.stderr.strip() and "ok" not in done.stdout


def test_the_database_itself_refuses_to_change_a_row(written):
    with sqlite3.connect(written / "weir.db") as db:
        for statement in (CHANGES["a reason"], CHANGES["the last row that is gone"]):
            with pytest.raises(sqlite3.DatabaseError, match="append-only"):
                db.execute(statement)
