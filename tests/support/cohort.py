"""The bucket of a user, computed from the published formula and nothing of weir:

    bucket = high 64 bits of XXH64(salt + "/" + key) x 1,000,000
"""
P1, P2, P3, P4, P5 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9,
                      0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
MASK = (1 << 64) - 1


def _rotate(x, n):
    return ((x << n) | (x >> (64 - n))) & MASK


def _round(acc, lane):
    return _rotate((acc + lane * P2) & MASK, 31) * P1 & MASK


def xxh64(data):
    """XXH64 with seed 0."""
    at, end = 0, len(data)

    def word(size):
        return int.from_bytes(data[at : at + size], "little")

    if end >= 32:
        accs = [(P1 + P2) & MASK, P2, 0, -P1 & MASK]
        while at + 32 <= end:
            for n in range(4):
                accs[n] = _round(accs[n], word(8))
                at += 8
        h = sum(_rotate(a, n) for a, n in zip(accs, (1, 7, 12, 18))) & MASK
        for acc in accs:
            h = ((h ^ _round(0, acc)) * P1 + P4) & MASK
    else:
        h = P5
    h = (h + end) & MASK
    while at + 8 <= end:
        h = (_rotate(h ^ _round(0, word(8)), 27) * P1 + P4) & MASK
        at += 8
    if at + 4 <= end:
        h = (_rotate(h ^ (word(4) * P1 & MASK), 23) * P2 + P3) & MASK
        at += 4
    while at < end:
        h = _rotate(h ^ (word(1) * P5 & MASK), 11) * P1 & MASK
        at += 1
    h = (h ^ (h >> 33)) * P2 & MASK
    h = (h ^ (h >> 29)) * P3 & MASK
    return h ^ (h >> 32)


def bucket(salt, key):
    return (xxh64(f"{salt}/{key}".encode()) * 1_000_000) >> 64


def is_canary(salt, key, weight_ppm):
    return bucket(salt, key) < weight_ppm
