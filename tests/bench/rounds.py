# SPDX-License-Identifier: MIT
"""Rounds of several tools in turn, what is told of them, and the bars that tcptool is to reach."""

import statistics

from processes import Lost

LEAST_ROUNDS = 7  # of which a verdict is made


def in_turn(bench, names, measure):
    """name -> [(figure, CPU)] of each round, or what went wrong."""
    found = {name: [] for name in names}
    for number in range(bench.rounds + 1):
        names = [*names][1:] + [*names][:1]
        for name in names:
            if isinstance(found[name], str):
                continue
            try:
                figures = measure(name, number == 0)
            except Lost as error:
                found[name] = f"LOST: {error}"
                continue
            if number > 0:
                found[name].append(figures)
    return found


def medians(found, name):
    """Of the figures and of the CPU; None where there are none."""
    if isinstance(found.get(name, ""), str):
        return None, None
    return tuple(None if None in column else statistics.median(column)
                 for column in zip(*found[name]))


def best(found):
    """The fastest peer that lost nothing."""
    speeds = {name: medians(found, name)[0] for name in found if name not in ("tcptool", "bare")}
    return max((name for name in speeds if speeds[name]), key=speeds.get, default=None)


def ratio(found, name, base, column=0):
    one, other = medians(found, name)[column], medians(found, base)[column]
    return one / other if one and other else None


def tell(bench, row, found, unit, base, notes=None):
    for name, figures in found.items():
        note = (notes or {}).get(name, "")
        if isinstance(figures, str):
            bench.table.add(row, name, None, unit, [], figures, lost=figures)
            if "tcptool" in name:
                bench.lost.append(row)
            continue
        cpu, against = medians(found, name)[1], ratio(found, name, base, 1)
        if cpu is not None:
            note = f"{cpu:6.3f} CPU s/GB" + (f"  x{against:5.2f}" if against else "")
        bench.table.add(row, name, medians(found, base)[0], unit, [one for one, _ in figures], note,
                        cpu=cpu, cpu_ratio=against)


def bar(bench, row, what, value, sense, wanted):
    if not bench.judges:
        return
    met = value is not None and (value >= wanted if sense == ">=" else value <= wanted)
    bench.bars.append({"row": row, "what": what, "value": value, "bar": f"{sense} {wanted}",
                       "met": met})


def bars(bench, row, found, base, sense, wanted, most_cpu=None):
    """tcptool's against the peer `base`; where there is none, nothing is to be reached."""
    if medians(found, base)[0] is None:
        return
    bar(bench, row, f"against {base}", ratio(found, "tcptool", base), sense, wanted)
    if most_cpu:
        bar(bench, row, f"CPU against {base}", ratio(found, "tcptool", base, 1), "<=", most_cpu)


def tell_bars(bench):
    print()
    if not bench.judges:
        print(f"no verdict: noise decides in fewer than {LEAST_ROUNDS} rounds, or with --quick")
    for found in bench.bars:
        value = "  none" if found["value"] is None else f"{found['value']:6.2f}"
        print(f"{found['row']:15} {found['what']:22} {value}  {found['bar']:8} "
              f"{'met' if found['met'] else 'NOT MET'}")
    for row in bench.lost:
        print(f"{row:15} tcptool lost bytes, or did not end")
