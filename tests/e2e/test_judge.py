"""`weir judge`: recorded ticks in, verdicts out. Checked against a second implementation
of docs/policy.md 3, 6, 7 and 8, written from the text alone."""
import math
import random
import subprocess
import time

import pytest

from support.weir import binary, is_sanitized

HEADER = ["dt", "w", "n_canary", "bad_canary", "n_legacy", "bad_legacy"]
RISKS = [1.2, 1.7, 3, 8, 40, 1000]
WINDOWS = {"1m": 60, "5m": 300, "30m": 1800, "1h": 3600, "6h": 21600}


def judge(text, *options, name="-"):
    return subprocess.run([binary(), "judge", *options, name], input=text, text=True,
                          capture_output=True, timeout=120)


def verdicts(text, *options):
    done = judge(text, *options)
    assert done.returncode == 0, done.stderr
    header, *lines = done.stdout.splitlines()
    assert header == "tick\tlnE\tverdict\treason"
    rows = [line.split("\t") for line in lines]
    assert [row[0] for row in rows] == [str(i + 1) for i in range(len(rows))]
    return [(row[1], row[2]) for row in rows]


def table(rows, header=HEADER):
    return "".join("\t".join(str(cell) for cell in row) + "\n" for row in [header, *rows])


def ll(x, y, w, r, r0):
    return x * math.log(r / r0) - (x + y) * (math.log(1 + w * (r - 1)) - math.log(1 + w * (r0 - 1)))


def rate(n, bad):
    return bad / n if n else 0


class Policy:
    """The decision on errors alone, at weights below 90%."""

    def __init__(self, alpha=0.01, budget=0.001, hold=60, min_requests=50, p_max=0.05):
        self.alpha, self.budget = alpha, budget
        self.hold, self.min_requests, self.p_max = hold, min_requests, p_max
        self.bets = [0.4] * len(RISKS)
        self.left_time = self.left_stage = 0.3
        self.weight = None
        # By window: requests and failures of canary and legacy, and of matched legacy.
        self.windows = {name: [0.0] * 6 for name in WINDOWS}
        self.begin_stage()

    def begin_stage(self):
        self.age = 0.0
        self.totals = [0, 0, 0, 0]
        self.failures = 0
        self.absolute = {2: 0.0, 5: 0.0, 50: 0.0}
        self.relative = 0.0

    def raise_weight(self):
        m = min(0.05, self.left_stage)
        self.left_stage -= m
        self.bets = [r + m for r in self.bets]

    def tick(self, dt, w, n_c, bad_c, n_b, bad_b):
        late = dt == 0 and self.weight is not None and w < self.weight
        if not late:
            if self.weight is not None and w != self.weight:
                if w > self.weight:
                    self.raise_weight()
                self.begin_stage()
            self.weight = w
        da = min(0.3 * dt / 86400, self.left_time)
        self.left_time -= da
        self.bets = [min(1e300, (capital + da) *
                         math.exp(max(-700, min(700, ll(bad_c, bad_b, w, r, 1)))))
                     for capital, r in zip(self.bets, RISKS)]
        matched = w / (1 - w)
        for name, seconds in WINDOWS.items():
            keep = math.exp(-dt / seconds)
            new = [n_c, bad_c, n_b, bad_b, n_b * matched, bad_b * matched]
            self.windows[name] = [old * keep + x for old, x in zip(self.windows[name], new)]
        self.failures += bad_c
        if not late:
            self.age += dt
            self.totals = [a + b for a, b in zip(self.totals, [n_c, bad_c, n_b, bad_b])]
            for k in self.absolute:
                self.absolute[k] += -bad_c * math.log(k) + (n_c - bad_c) * (
                    math.log(1 - self.p_max / k) - math.log(1 - self.p_max))
            self.relative += ll(bad_c, bad_b, w, 1, 2)
        return self.verdict()

    def ln_e(self):
        m = self.left_time + self.left_stage + sum(self.bets) / len(self.bets)
        return math.log(0.40 * m + 0.60)

    def is_material(self, n_c, bad_c, n_b, bad_b):
        legacy = rate(n_b, bad_b)
        return rate(n_c, bad_c) - legacy >= max(self.budget / 10, 0.05 * legacy)

    def burns_alone(self, narrow, wide, factor):
        n_c, bad_c, n_b, bad_b, n_m, bad_m = self.windows[narrow]
        wide_c = rate(*self.windows[wide][:2])
        excused = factor / 3 * self.budget
        return (bad_c >= 10 and rate(n_c, bad_c) >= factor * self.budget
                and wide_c >= factor * self.budget
                and rate(n_b, bad_b) < excused and rate(n_m, bad_m) < excused)

    def is_shared(self):
        def burn(window):
            n_c, bad_c, n_b, bad_b = self.windows[window][:4]
            return rate(n_c + n_b, bad_c + bad_b) / self.budget
        return (self.totals[1] + self.totals[3] >= 10 and burn("1m") >= 14.4
                and burn("5m") >= 14.4)

    def promotion(self):
        terms = [a - math.log(6) for a in self.absolute.values()] + [self.relative - math.log(2)]
        return max(terms) + math.log(sum(math.exp(t - max(terms)) for t in terms))

    def verdict(self):
        ln_e = self.ln_e()
        material = self.is_material(*self.totals) or self.is_material(*self.windows["1m"][:4])
        if ln_e >= math.log(1 / self.alpha) and self.failures >= 3 and material:
            action = "ROLL_BACK"
        elif self.burns_alone("5m", "1h", 14.4) or self.burns_alone("30m", "6h", 6):
            action = "ROLL_BACK"
        elif self.is_shared():
            action = "HOLD_SHARED"
        elif ln_e >= math.log(1 / self.alpha) / 2 and material:
            action = "HOLD_SUSPECT"
        elif (self.age + 1e-6 >= self.hold and self.totals[0] >= self.min_requests
              and self.promotion() >= math.log(20)):
            action = "ADVANCE"
        else:
            action = "CONTINUE"
        return ln_e, action


def same(ours, theirs):
    """To ten significant digits, as far as two orders of summing agree."""
    return math.isclose(float(ours), theirs, rel_tol=2e-9, abs_tol=1e-11)


def poisson(dice, mean):
    count, at = 0, dice.expovariate(1)
    while at < mean:
        count, at = count + 1, at + dice.expovariate(1)
    return count


def recorded(dice):
    """A rollout with a bit of everything: raises, trouble, late outcomes, urgent looks."""
    rows, weights = [], [0.01, 0.05, 0.25, 0.5]
    for stage, w in enumerate(weights):
        worse = dice.choice([1, 1, 1, 1, 3, 30])
        base = dice.choice([0, 0.0002, 0.001, 0.1])
        for _ in range(dice.randint(5, 60)):
            dt = dice.choice([0.1, 1, 1, 10])
            counts = [poisson(dice, 300 * dt ** 0.5 * w), poisson(dice, 300 * dt ** 0.5 * (1 - w))]
            bad = [poisson(dice, min(n, n * p)) for n, p in
                   zip(counts, [min(1, base * worse), base])]
            rows.append([dt, w, max(1, *counts[:1], bad[0]), bad[0], max(counts[1], bad[1]), bad[1]])
            if dice.random() < 0.1:
                rows.append([0, w, 3, 3, 2, 0])
            if stage > 0 and dice.random() < 0.1:
                rows.append([0, weights[stage - 1], 4, dice.randint(0, 1), 20, dice.randint(0, 2)])
    return rows


@pytest.mark.parametrize("seed", range(20))
def test_random_ticks_are_judged_as_a_second_implementation_does(seed):
    dice = random.Random(seed)
    settings = {"alpha": dice.choice([0.01, 0.001, 0.05]), "budget": dice.choice([0.001, 0.01]),
                "hold": dice.choice([10, 60]), "min_requests": dice.choice([0, 50, 500]),
                "p_max": dice.choice([0.05, 0.005])}
    rows = recorded(dice)
    options = ",".join(f"{name}={value}{'s' if name == 'hold' else ''}"
                       for name, value in settings.items())
    policy = Policy(**settings)
    expected = [policy.tick(*row) for row in rows]
    actual = verdicts(table(rows), "--set", options)
    assert len(actual) == len(expected)
    for i, ((ln_e, action), (ln_e_here, action_here)) in enumerate(zip(actual, expected)):
        assert same(ln_e, ln_e_here), (i + 1, rows[i], ln_e, ln_e_here)
        assert action == action_here, (i + 1, rows[i], action, action_here)


def test_the_random_ticks_meet_every_verdict():
    met = set()
    for seed in range(20):
        policy = Policy()
        met |= {policy.tick(*row)[1] for row in recorded(random.Random(seed))}
    assert met == {"CONTINUE", "ADVANCE", "HOLD_SUSPECT", "HOLD_SHARED", "ROLL_BACK"}


def test_a_file_is_read_by_name_as_from_standard_input(tmp_path):
    text = table([[1, 0.01, 20, 1, 1980, 0]] * 3)
    file = tmp_path / "ticks.tsv"
    file.write_text(text)
    assert judge("", name=str(file)).stdout == judge(text).stdout
    assert [v for _, v in verdicts(text)] == ["CONTINUE", "HOLD_SUSPECT", "ROLL_BACK"]


def test_a_stricter_alpha_takes_more_failures():
    text = table([[1, 0.01, 20, 1, 1980, 0]] * 6)
    first = [[v for _, v in verdicts(text, "--set", f"alpha={alpha}")].index("ROLL_BACK")
             for alpha in ("0.01", "0.000001")]
    assert first[0] < first[1]


def test_several_set_options_add_up():
    text = table([[1, 0.5, 100, 0, 100, 0]] * 10)
    options = ["--set", "hold=5s", "--set", "min_requests=10,p_max=0%"]
    assert [v for _, v in verdicts(text, *options)].index("ADVANCE") == 4


@pytest.mark.parametrize("text, message", [
    ("", "standard input: it is empty"),
    ("dt\tw\n", "standard input:1: the header lacks the column 'n_canary'"),
    (table([[1, 0.1, 10, "x", 90, 0]]), "standard input:2: bad_canary is 'x', which is no number"),
    (table([[1, 0.1, 10, 0, 90, 0], [1, 2, 10, 0, 90, 0]]), "standard input:3: w is 2: at most 1"),
    ("x" * 100000, "standard input:1: the line has more than 8192 bytes"),
])
def test_what_is_wrong_is_said_with_its_line(text, message):
    done = judge(text)
    assert done.returncode == 1
    assert done.stderr.startswith(message), done.stderr


def test_a_file_that_is_not_there_and_a_parameter_that_is_none(tmp_path):
    missing = judge("", name=str(tmp_path / "none.tsv"))
    assert (missing.returncode, "none.tsv: No such file" in missing.stderr) == (1, True)
    wrong = judge(table([]), "--set", "alhpa=0.1")
    assert wrong.returncode == 2
    assert "there is no parameter 'alhpa'; did you mean 'alpha'?" in wrong.stderr


def test_it_says_what_it_finds_while_the_recording_goes_on():
    running = subprocess.Popen([binary(), "judge", "-"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    running.stdin.write(table([[1, 0.01, 20, 1, 1980, 0]] * 2))
    running.stdin.flush()
    assert running.stdout.readline().startswith("tick\t")
    assert running.stdout.readline().startswith("1\t")
    running.stdin.close()
    assert running.stdout.readline().startswith("2\t")
    running.stdout.close()
    assert running.wait(10) == 0


def test_a_million_ticks_take_seconds_and_constant_memory(tmp_path):
    file = tmp_path / "ticks.tsv"
    ticks = 100_000 if is_sanitized(binary()) else 1_000_000
    file.write_text(table([[0.1, 0.1, 10, int(i % 1000 == 0), 90, int(i % 100 == 0)]
                           for i in range(1000)]))
    rows = file.read_text().split("\n", 1)[1]
    with open(file, "a") as more:
        for _ in range(ticks // 1000 - 1):
            more.write(rows)
    began = time.monotonic()
    with open(tmp_path / "out", "w") as out:
        running = subprocess.Popen([binary(), "judge", str(file)], stdout=out)
        most = 0
        while running.poll() is None:
            try:
                with open(f"/proc/{running.pid}/status") as status:
                    most = max([most, *(int(line.split()[1]) for line in status
                                        if line.startswith("RssAnon"))])
            except OSError:
                break
            time.sleep(0.01)
        assert running.wait(60) == 0
    assert sum(1 for _ in open(tmp_path / "out")) == ticks + 1
    print(f"{ticks} ticks in {time.monotonic() - began:.1f} s, {most} kB")
    if not is_sanitized(binary()):
        assert most < 4096
