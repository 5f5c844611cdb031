#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes table_vectors.h: assignments computed by a second reading of the rule in src/oracle/table.h,
in Python's integers."""
import hashlib
import random
from pathlib import Path

PPM = 1_000_000
FLOOR, MIN_SHARE, MARGIN = 500 * PPM, 100_000, 2_000_000


def u64(b):
    return int.from_bytes(b[:8], "little")


def stake(ppm, share, fee):
    r = max(MIN_SHARE, share)
    # margin x C / (p (1 - r)) - C, rounded up
    top = MARGIN * fee * PPM * PPM
    bottom = PPM * ppm * (PPM - r)
    return max(10 * fee, -(-top // bottom) - fee)


def draw(seed, stream, counter, below):
    text = seed + stream.to_bytes(4, "little") + counter.to_bytes(4, "little")
    return u64(hashlib.sha256(text).digest()) % below


def homes(rows, n, model):
    """The segment of a third of n tasks at which each row is at home, None where it offers nothing.
    The identity of row i is 32 times the byte i + 1."""
    third = (n + 2) // 3
    segments = [{t // third for t in offers} for _, _, _, offers in rows]

    def rank(i):
        return len(segments[i]), hashlib.sha256(b"splitup/home" + model +
                                                bytes([i + 1]) * 32).digest()

    home, weight = [None] * len(rows), [0, 0, 0]
    for i in sorted(range(len(rows)), key=rank):
        if segments[i]:
            home[i] = min(sorted(segments[i]), key=lambda k: weight[k])
            weight[home[i]] += 1 << (rows[i][1].bit_length() - 1)
    return home


def assign(rows, tasks, seed, model, share):
    """rows: (owner, weight, vram, tasks offered); tasks: (fee, ppm, vram, consumers)."""
    need = [stake(ppm, share, fee) for fee, ppm, _, _ in tasks]
    third = (len(tasks) + 2) // 3
    home = homes(rows, len(tasks), model)
    for k in range(5 * 16):
        wish, given = k // 16 - 1, []
        load = [dict(stake=0, vram=0, has=set()) for _ in rows]

        def takes(t, i):
            owner, weight, vram, offers = rows[i]
            extra = max(need) if wish < 3 else 0
            return (t in offers and load[i]["vram"] + tasks[t][2] <= vram and
                    not (wish < 1 and len(load[i]["has"]) >= third) and
                    max(FLOOR, load[i]["stake"] + need[t] + extra) <= weight)

        for t in range(len(tasks)):
            fit = [i for i in range(len(rows)) if takes(t, i)]
            if not fit:
                break
            if given and given[-1] in fit:
                pick = given[-1]
            else:
                if wish < 0:
                    fit = [i for i in fit if home[i] == t // third] or fit
                point = draw(seed, k, t, sum(rows[i][1] for i in fit))
                for pick in fit:
                    if point < rows[pick][1]:
                        break
                    point -= rows[pick][1]
            given.append(pick)
            load[pick]["stake"] += need[t]
            load[pick]["vram"] += tasks[t][2]
            load[pick]["has"].add(t)
        if len(given) < len(tasks):
            continue

        def checked(t):
            return any(t in offers and owner != rows[given[t]][0] and
                       not (wish < 2 and load[i]["has"] & tasks[t][3]) and
                       max(FLOOR, load[i]["stake"] + need[t]) <= weight
                       for i, (owner, weight, _, offers) in enumerate(rows))

        if all(checked(t) for t in range(len(tasks))):
            return given
    return None


def bits(s):
    return sum(1 << i for i in s)


def main():
    rng = random.Random(20261122)
    out = ["// SPDX-License-Identifier: MIT", "// Written by make_table_vectors.py.",
           "#ifndef TABLE_VECTORS_H", "#define TABLE_VECTORS_H", "", "#include <stdint.h>", "",
           "enum { VECTOR_ROWS = 6, VECTOR_TASKS = 7 };",
           "struct vector {", "    uint32_t rows, tasks, share_ppm, ok;", "    uint8_t seed;",
           "    struct {", "        uint8_t owner;", "        uint64_t weight, vram;",
           "        uint32_t offers;", "    } row[VECTOR_ROWS];", "    struct {",
           "        uint64_t fee;", "        uint32_t ppm;", "        uint64_t vram;",
           "        uint32_t consumers;", "    } task[VECTOR_TASKS];",
           "    uint16_t row_of_task[VECTOR_TASKS];", "};", "static const struct vector vectors[] = {"]
    found = 0
    while found < 120:
        n, m = rng.randint(2, 6), rng.randint(1, 7)
        owners = [rng.randint(1, 4) for _ in range(n)]
        rows = [(owners[i], rng.choice([600, 1000, 2500, 10000]) * PPM + rng.randint(0, 999),
                 rng.choice([2, 3, 8, 99]),
                 {t for t in range(m) if rng.random() < rng.choice([0.7, 1.0])}) for i in range(n)]
        tasks = [(rng.choice([5000, 5100, 40_000_000]), rng.choice([80000, 500000, 1000000]),
                  rng.randint(1, 3), {t + 1} if t + 1 < m else set()) for t in range(m)]
        total = sum(r[1] for r in rows)
        most = max(sum(r[1] for r in rows if r[0] == o) for o in set(owners))
        share = -(-most * PPM // total)
        if share > 900_000:
            continue
        mark = rng.randint(0, 255)
        got = assign(rows, tasks, bytes([mark]) * 32, bytes([255 - mark]) * 32, share)
        if got is None and rng.random() < 0.7:
            continue
        found += 1
        cells = ", ".join(f"{{{o}, {w}, {v}, {bits(s)}}}" for o, w, v, s in rows)
        jobs = ", ".join(f"{{{f}, {p}, {v}, {bits(c)}}}" for f, p, v, c in tasks)
        given = ", ".join(map(str, got)) if got else "0"
        out.append(f"    {{{n}, {m}, {share}, {int(got is not None)}, {mark}, {{{cells}}}, "
                   f"{{{jobs}}}, {{{given}}}}},")
    out += ["};", "", "#endif", ""]
    (Path(__file__).parent / "table_vectors.h").write_text("\n".join(out))


main()
