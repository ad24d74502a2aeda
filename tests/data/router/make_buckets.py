#!/usr/bin/env python3
"""Writes buckets.tsv: (salt, key, hash, bucket), by an XXH64 that shares nothing with
weir's. It follows the algorithm's description (github.com/Cyan4973/xxHash, doc/
xxhash_spec.md). Run from this directory: ./make_buckets.py > buckets.tsv"""

P1, P2, P3, P4, P5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9,
                      0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
M = (1 << 64) - 1


def rotate(x, n):
    return ((x << n) | (x >> (64 - n))) & M


def mix(acc, lane):
    return rotate((acc + lane * P2) & M, 31) * P1 & M


def xxh64(data, seed=0):
    at, n = 0, len(data)
    if n >= 32:
        accs = [(seed + P1 + P2) & M, (seed + P2) & M, seed, (seed - P1) & M]
        while n - at >= 32:
            for i in range(4):
                accs[i] = mix(accs[i], int.from_bytes(data[at:at + 8], "little"))
                at += 8
        acc = sum(rotate(a, r) for a, r in zip(accs, (1, 7, 12, 18))) & M
        for a in accs:
            acc = ((acc ^ mix(0, a)) * P1 + P4) & M
    else:
        acc = (seed + P5) & M
    acc = (acc + n) & M
    while n - at >= 8:
        acc ^= mix(0, int.from_bytes(data[at:at + 8], "little"))
        acc = (rotate(acc, 27) * P1 + P4) & M
        at += 8
    if n - at >= 4:
        acc ^= int.from_bytes(data[at:at + 4], "little") * P1 & M
        acc = (rotate(acc, 23) * P2 + P3) & M
        at += 4
    for byte in data[at:]:
        acc = rotate(acc ^ byte * P5 & M, 11) * P1 & M
    acc = (acc ^ acc >> 33) * P2 & M
    acc = (acc ^ acc >> 29) * P3 & M
    return acc ^ acc >> 32


# The published values of the empty string and of "abc".
assert xxh64(b"") == 0xEF46DB3751D8E999
assert xxh64(b"abc") == 0x44BC2CF5AD770999

if __name__ == "__main__":
    print("# salt, key, XXH64(salt/key) in hex, bucket. A key xN:c is the letter c N times.")
    rows = [(salt, key) for salt in ("shop", "", "a-much-longer-salt-of-a-route-2026")
            for key in ("1", "alice", "bob", "0", "203.0.113.7", "2001:db8::1",
                        "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "\"quoted value\"",
                        "caf\u00e9", "abc123~|=+/")]
    rows += [("shop", f"x{n}:{c}") for n, c in
             ((26, "a"), (27, "b"), (28, "c"), (59, "d"), (255, "e"), (1000, "f"), (4096, "g"))]
    for salt, key in rows:
        text = key
        if key[0] == "x" and ":" in key:
            n, c = key[1:].split(":")
            text = c * int(n)
        h = xxh64(f"{salt}/{text}".encode())
        print(f"{salt}\t{key}\t{h:016x}\t{h * 1000000 >> 64}")
