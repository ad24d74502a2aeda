"""Prints `N passed, N failed` over the test cases of cmocka's and pytest's reports.

    count_tests.py UNIT_LOG E2E_XML      a report that is not there counts nothing

UNIT_LOG is the log that ctest leaves, E2E_XML pytest's JUnit file. A unit test
that ended without cmocka's own count (a crash, a sanitizer's report) is one
failure. Exits 1 where anything failed or nothing ran.
"""
import os
import re
import sys
import xml.etree.ElementTree as xml


def count_unit(path):
    passed = failed = skipped = 0
    with open(path, encoding="utf-8", errors="replace") as log:
        sections = re.split(r"(?m)^\d+/\d+ Testing: ", log.read())[1:]
    for section in sections:
        count = {}
        for name in ("PASSED", "FAILED", "SKIPPED"):
            found = re.findall(r"\[  %s *\] (?:\S+ )?(\d+) test\(s\)" % name, section)
            count[name] = sum(int(n) for n in found)
        passed += count["PASSED"]
        failed += count["FAILED"]
        skipped += count["SKIPPED"]
        if not re.search(r"(?m)^Test Passed\.", section) and count["FAILED"] == 0:
            failed += 1
    return passed, failed, skipped


def count_e2e(path):
    passed = failed = skipped = 0
    for suite in xml.parse(path).getroot().iter("testsuite"):
        total = int(suite.get("tests", 0))
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        not_run = int(suite.get("skipped", 0))
        passed += max(0, total - bad - not_run)
        failed += bad
        skipped += not_run
    return passed, failed, skipped


def main():
    totals = [0, 0, 0]
    for path, count in zip(sys.argv[1:], (count_unit, count_e2e)):
        if os.path.exists(path):
            totals = [a + b for a, b in zip(totals, count(path))]
    passed, failed, skipped = totals
    line = f"{passed} passed, {failed} failed"
    print(line + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


sys.exit(main())
