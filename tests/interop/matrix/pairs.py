"""Cells that have every pair of values at least once, or all cells there are."""

import itertools


def rows(dimensions, values, allowed):
    """Greedy and without chance: takes a pair that is missing, and fills the rest with what brings the most others.
    allowed(cell) judges parts of cells, too."""
    values = {d: [v for v in values[d] if allowed({d: v})] for d in dimensions}
    missing = {}  # ordered
    for a, b in itertools.combinations(dimensions, 2):
        for x, y in itertools.product(values[a], values[b]):
            if allowed({a: x, b: y}):
                missing[(a, x, b, y)] = True
    used = {(d, v): 0 for d in dimensions for v in values[d]}
    found = []
    while missing:
        first = next(iter(missing))
        cell = complete({first[0]: first[1], first[2]: first[3]}, dimensions, values, allowed, missing, used)
        if cell is None:  # the two go together, but not with anything of a third
            del missing[first]
            continue
        for pair in pairs_of(cell, dimensions):
            missing.pop(pair, None)
        for d in dimensions:
            used[(d, cell[d])] += 1
        found.append({d: cell[d] for d in dimensions})
    return found


def pairs_of(cell, dimensions):
    for a, b in itertools.combinations([d for d in dimensions if d in cell], 2):
        yield (a, cell[a], b, cell[b])


def complete(cell, dimensions, values, allowed, missing, used):
    rest = [d for d in dimensions if d not in cell]
    if not rest:
        return cell if allowed(cell) else None
    d = rest[0]

    def gain(v):
        tried = dict(cell, **{d: v})
        return sum(p in missing for p in pairs_of(tried, dimensions) if d in (p[0], p[2]))

    for v in sorted(values[d], key=lambda v: (-gain(v), used[(d, v)])):
        tried = dict(cell, **{d: v})
        if allowed(tried):
            done = complete(tried, dimensions, values, allowed, missing, used)
            if done:
                return done
    return None


def product(dimensions, values, allowed):
    return list(grow({}, list(dimensions), values, allowed))


def grow(cell, rest, values, allowed):
    """Every cell that has these parts."""
    if not rest:
        yield cell
        return
    for v in values[rest[0]]:
        tried = dict(cell, **{rest[0]: v})
        if allowed(tried):
            yield from grow(tried, rest[1:], values, allowed)
