"""Finds the coefficients of `rk6`, an explicit Runge-Kutta pair of order 6(5) with a long real stability interval.

  python find.py STAGES REACH [--from SOLUTION.npz] [--seed 1] [--seconds 300]     numpy and jax; leaves STAGES.npz here
  python find.py --rust SOLUTION.npz=REACH ...                                     prints the tableaux of src/ode/rk6/tableau.rs

Unknown are the times c, the entries a_ij of the stages i > 6 in the columns j > 5, and the weights b and b^. The other entries follow from the
orders of the stages: 2 for the third, 3 from the fourth on. What is left of the conditions of order 6 for b and of order 5 for b^ are 20
equations (`conditions`); on the manifold where they hold, the least squares of `wishes` are sought by Levenberg and Marquardt's method in the
tangent space, with Newton's back to the manifold. Wishes: |R| <= 0.93 up to the reach, stages and embedded method that amplify nothing, small
conditions of order 7. A search begins at random with half the reach. Most end in a poor minimum; the best is kept. More stages are
found from fewer, with `--from`: stages are doubled, and the reach is raised by a tenth at a time.

10 stages with a reach of 13 took ten minutes on one core, 12 with 21 from these five more.
"""
import argparse
import os
import pathlib
import time

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
import jax
import jax.numpy as jnp
import numpy as np

jax.config.update("jax_enable_x64", True)

# The weight of the end of the step, k_(s+1), in the embedded method: without one b^ = b would do.
LAST = 0.08
# Degree of the dense output.
DEGREE = 6


def grown(tree):
    """The rooted trees, tuples of their branches, with one leaf more."""
    key = lambda branch: (size(branch), branch)
    yield tuple(sorted(tree + ((),), key=key))
    for i, branch in enumerate(tree):
        for larger in grown(branch):
            yield tuple(sorted(tree[:i] + (larger,) + tree[i + 1:], key=key))


def size(tree):
    return 1 + sum(map(size, tree))


def density(tree):
    return size(tree) * np.prod([density(branch) for branch in tree])


def symmetry(tree):
    counts = [tree.count(branch) for branch in set(tree)]
    return np.prod([float(np.prod(range(1, n + 1))) for n in counts]) * np.prod([symmetry(branch) for branch in tree])


def trees(order):
    return {()} if order == 1 else {larger for tree in trees(order - 1) for larger in grown(tree)}


def over(a, tree):
    """The product over the tree's branches at every stage."""
    product = jnp.ones(len(a))
    for branch in tree:
        product = product * (a @ over(a, branch))
    return product


class Family:
    """The unknowns of s stages as one vector, and what they mean."""

    def __init__(self, s):
        self.s, self.columns = s, [0, *range(3, s)]
        self.open = [(i, j) for i in range(6, s) for j in range(5, i)]
        n = len(self.columns)
        self.edges = np.cumsum([0, 1 + (s - 3), len(self.open), n, n])
        self.seventh = sorted(trees(7))
        self.condition, self.wish = jax.jit(self.conditions), jax.jit(self.wishes)
        self.condition_slopes, self.wish_slopes = jax.jit(jax.jacfwd(self.conditions)), jax.jit(jax.jacfwd(self.wishes))

    def parts(self, x):
        return [x[begin:end] for begin, end in zip(self.edges, self.edges[1:])]

    def tableau(self, x):
        """A with b as its last row, b^ and c, each for the end of the step too."""
        s, (times, entries, b, embedded) = self.s, self.parts(x)
        c = jnp.zeros(s).at[1].set(times[0]).at[3:].set(times[1:])
        c = c.at[2].set(2 * c[3] / 3)
        rows = jnp.zeros((s, s)).at[tuple(np.array(self.open).T)].set(entries)
        a = jnp.zeros((s + 1, s + 1)).at[1, 0].set(c[1])
        for i, j in ((2, 1), (3, 2)):
            entry = c[i] ** 2 / (2 * c[j])
            a = a.at[i, j].set(entry).at[i, 0].set(c[i] - entry)
        for i in range(4, s):
            p, q = (2, 3) if i == 4 else (3, 4)
            row = rows[i]
            second, third = c[i] ** 2 / 2 - row @ c, c[i] ** 3 / 3 - row @ c**2
            determinant = c[p] * c[q] ** 2 - c[q] * c[p] ** 2
            row = row.at[p].set((second * c[q] ** 2 - third * c[q]) / determinant)
            row = row.at[q].set((c[p] * third - c[p] ** 2 * second) / determinant)
            a = a.at[i, :s].set(row.at[0].set(c[i] - row.sum()))
        columns = np.array(self.columns)
        a = a.at[s, columns].set(b)
        return a, jnp.zeros(s + 1).at[columns].set(embedded).at[s].set(LAST), jnp.append(c, 1.0)

    def conditions(self, x):
        a, embedded, c = self.tableau(x)
        b, cubes, third = a[self.s], a @ c**3, a @ jnp.zeros(self.s + 1).at[2].set(1.0)
        left = [(k + 1) * (b @ c**k) - 1 for k in range(6)] + [(k + 1) * (embedded @ c**k) - 1 for k in range(5)]
        left += [20 * (b @ cubes) - 1, 30 * (b @ (a @ c**4)) - 1, 24 * (b @ (c * cubes)) - 1, 120 * (b @ (a @ cubes)) - 1]
        left += [b @ third, b @ (c * third), b @ (a @ third), 20 * (embedded @ cubes) - 1, embedded @ third]
        return jnp.stack(left)

    def stages(self, a, z):
        """The stability polynomials of all stages, and of the end."""
        values = []
        for i in range(self.s + 1):
            values.append(1 + z * sum((a[i, j] * values[j] for j in range(i)), 0 * z))
        return jnp.stack(values)

    def wishes(self, x, reach, order):
        a, embedded, c = self.tableau(x)
        above = lambda value: jnp.maximum(value, 0.0)
        z = -reach * 0.5 * (1 - jnp.cos(jnp.linspace(0, jnp.pi, 90)))[1:]
        stages = self.stages(a, z)
        ends = jnp.abs(stages[self.s]) - jnp.where(z < -3, 0.93, 1.0)
        off = jnp.stack([(a[self.s] @ over(a, tree) - 1 / density(tree)) / symmetry(tree) for tree in self.seventh])
        within = 0.3 * above(jnp.abs(stages[1:self.s]) - 1.2).ravel()[::2]
        return jnp.concatenate([
            300 * order * off, 15 * above(ends), 0.5 * above(jnp.abs(1 + z * (embedded @ stages)) - 1), within,
            3e-3 * a.ravel(), 3e-3 * embedded, 2 * above(c - 1), 2 * above(-c),
        ])

    def random(self, rng, reach):
        """Times as early as the polynomials of the first stages need, and late ones anywhere."""
        s = self.s
        c = np.minimum(np.array([0, 1, 0, 2.4, 6, 10, 16] + [25] * s)[:s] / reach * (0.7 + 0.4 * rng.random(s)), 0.95)
        late = [i for i in range(s) if i >= 7 or c[i] > 0.6]
        c[late] = np.append(np.sort(rng.uniform(0.15, 1, len(late) - 1)), 1.0)
        c[2] = 2 * c[3] / 3
        powers = np.stack([c[self.columns] ** k for k in range(6)])
        b = np.linalg.lstsq(powers, 1 / np.arange(1, 7), rcond=1e-8)[0]
        noise = lambda scale, count: rng.normal(size=count) * scale
        n = len(b)
        return np.concatenate([c[1:2], c[3:], noise(0.15, len(self.open)), b + noise(0.02, n), b + noise(0.02, n)])

    def doubled(self, x, stage, rng):
        """The unknowns with one stage more: that one twice, which share its weights."""
        more = Family(self.s + 1)
        c, rows, weights = np.zeros(self.s), np.zeros((self.s, self.s)), np.zeros((2, self.s))
        times, entries, *both = map(np.asarray, self.parts(x))
        c[1], c[3:], weights[:, self.columns] = times[0], times[1:], both
        rows[tuple(np.array(self.open).T)] = entries
        rows = np.insert(np.insert(rows, stage + 1, 0, axis=0), stage + 1, 0, axis=1)
        rows[stage + 1, 5:stage] = rows[stage, 5:stage]
        rows[stage + 1, 5:stage + 1] += 0.01 * rng.normal(size=stage - 4)
        share = rng.random()
        weights = np.insert(weights, stage + 1, 0, axis=1)
        for of in (rows[stage + 2:], weights):
            of[:, stage + 1] = share * of[:, stage]
            of[:, stage] *= 1 - share
        c = np.insert(c, stage + 1, np.clip(c[stage] + 0.01 * rng.normal(), 0.02, 1))
        return more, np.concatenate([c[1:2], c[3:], rows[tuple(np.array(more.open).T)], *weights[:, more.columns]])

    def back(self, x, times=30):
        """To the manifold by Newton's method of least length; None where that fails."""
        for _ in range(times):
            off = np.asarray(self.condition(x))
            if not np.isfinite(off).all() or np.abs(off).max() < 1e-14:
                break
            step = np.linalg.lstsq(np.asarray(self.condition_slopes(x)), off, rcond=1e-12)[0]
            x = x - step * min(1, 0.5 / np.linalg.norm(step))
        return x if np.abs(np.asarray(self.condition(x))).max() < 1e-12 else None

    def improve(self, x, *given, on_manifold=True, weight=30.0, times=60, until=np.inf):
        """Levenberg and Marquardt's method; off the manifold with the conditions among the wishes. x and the sum of squares, or None."""
        def residual(x):
            wishes = np.asarray(self.wish(x, *given))
            return wishes if on_manifold else np.append(weight * np.asarray(self.condition(x)), wishes)

        if on_manifold and (x := self.back(x)) is None:
            return None
        off, damping, slow = residual(x), 1e-3, 0
        for _ in range(times):
            slopes, of_conditions = np.asarray(self.wish_slopes(x, *given)), np.asarray(self.condition_slopes(x))
            if on_manifold:
                basis = np.linalg.svd(of_conditions)[2][len(of_conditions):].T
                slopes = slopes @ basis
            else:
                slopes = np.vstack([weight * of_conditions, slopes])
            square = slopes.T @ slopes
            for _ in range(25):
                step = np.linalg.solve(square + damping * np.diag(np.maximum(np.diag(square), 1e-6)), -slopes.T @ off)
                tried = self.back(x + basis @ step, 8) if on_manifold else x + step
                there = np.full(1, np.inf) if tried is None else residual(tried)
                if there @ there < off @ off:
                    break
                damping *= 4
            else:
                break
            slow = slow + 1 if there @ there > (1 - 1e-3) * (off @ off) else 0
            x, off, damping = tried, there, max(damping / 4, 1e-12)
            if slow > 15 or time.perf_counter() > until:
                break
        return x, off @ off


def merit(family, x, reach):
    """The error of order 7, larger where stages or the embedded method amplify; infinite where it is not stable."""
    a, embedded, _ = family.tableau(x)
    z = -jnp.linspace(0, reach, 3000)
    polynomials = np.asarray(family.stages(a, z))
    stages = np.abs(polynomials)
    if stages[family.s].max() > 1 + 1e-9:
        return np.inf
    off = [(a[family.s] @ over(a, tree) - 1 / density(tree)) / symmetry(tree) for tree in family.seventh]
    hat = np.abs(1 + z * (embedded @ polynomials)).max()
    return float(np.linalg.norm(off) * (1 + 0.2 * max(stages.max() - 1.5, 0)) * (1 + 0.3 * max(hat - 1.1, 0)))


def search(s, reach, given, seed, seconds):
    rng, family, best, end = np.random.default_rng(seed), Family(s), np.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        if given:
            known = np.load(given)
            own, x = Family(int(known["stages"])), known["x"]
            while own.s < s:
                own, x = own.doubled(x, rng.integers(6, own.s), rng)
            fractions = np.minimum(1, float(known["reach"]) / reach * 1.1 ** np.arange(20))
        else:
            x, left = family.improve(family.random(rng, reach), 0.5 * reach, 1.0, on_manifold=False, weight=3.0)
            if left > 5:
                continue
            x, _ = family.improve(x, 0.7 * reach, 1.0, on_manifold=False)
            fractions = [0.7, 0.85, 1.0]
        found = (x, 0.0)
        for fraction in fractions:
            found = found and found[1] < 150 and family.improve(found[0], fraction * reach, 1.0, until=end)
        found = found and found[1] < 150 and family.improve(found[0], reach, 8.0, times=250, until=end + 30)
        if found and (value := merit(family, found[0], reach)) < best:
            best = value
            print(f"error of order 7, weighed: {best:.2e}", flush=True)
            np.savez(pathlib.Path(__file__).with_name(f"{s}.npz"), x=found[0], stages=s, reach=reach)


def dense(family, a, c, reach):
    """Of each power of sigma and each source its coefficient in the dense output: of order 5, at sigma = 1 the method, as near as may be to order
    6, and to e^(sigma z) at all z of the interval."""
    sources, powers = [*family.columns, family.s], range(1, DEGREE + 1)
    third, cubes = a @ np.eye(family.s + 1)[2], a @ c**3
    fixed, soft = [], []

    def row(weights, vector):
        return np.outer(weights, vector[sources]).ravel()

    for vector, power, value in [(c**m, m + 1, 1 / (m + 1)) for m in range(5)] + [(cubes, 5, 1 / 20), (third, 1, 0.0)]:
        fixed += [(row([float(k == other) for other in powers], vector), value * (k == power)) for k in powers]
    fixed += [(row(np.ones(DEGREE), np.eye(family.s + 1)[j]), a[family.s, j]) for j in sources]
    sixth = [(c**5, 1 / 6), (a @ c**4, 1 / 30), (c * cubes, 1 / 24), (a @ cubes, 1 / 120), (c * third, 0.0), (a @ third, 0.0)]
    z = -reach * 0.5 * (1 - np.cos(np.linspace(0, np.pi, 40)))[1:]
    stages = np.asarray(family.stages(a, z))
    for sigma in np.linspace(0.05, 0.95, 19):
        at = sigma ** np.array(powers, float)
        soft += [(row(at, z[i] * stages[:, i]), np.exp(sigma * z[i]) - 1, True) for i in range(len(z))]
        soft += [(30 * row(at, vector), 30 * value * sigma**6, False) for vector, value in sixth]
        soft += [(3e-3 * row(at, np.eye(family.s + 1)[j]), 0.0, False) for j in sources]
    matrix, right = np.array([r for r, _ in fixed]), np.array([value for _, value in fixed])
    wanted, target, damps = (np.array(part) for part in zip(*soft))
    rank = np.linalg.matrix_rank(matrix, tol=1e-11 * np.linalg.norm(matrix, 2))
    basis, x = np.linalg.svd(matrix)[2][rank:].T, np.linalg.pinv(matrix, rcond=1e-11) @ right
    weights = np.ones(len(target))
    for _ in range(60):  # of more weight where a stiff component would be far off
        y = np.linalg.lstsq(weights[:, None] * (wanted @ basis), weights * (target - wanted @ x), rcond=None)[0]
        off = np.abs(wanted @ (x + basis @ y) - target)
        far = damps & (off > 0.6)
        weights[far] *= np.minimum(1 + off[far], 2.5)
    return (x + basis @ y).reshape(DEGREE, -1).T


def rust(solutions):
    """The tableaux as Rust; rustfmt lays them out."""
    number = lambda value: "0.0" if abs(value) < 1e-18 else repr(float(value))
    numbers = lambda values: ", ".join(map(number, values))
    for path, reach in (solution.split("=") for solution in solutions):
        known = np.load(path)
        family = Family(int(known["stages"]))
        a, embedded, c = map(np.asarray, family.tableau(known["x"]))
        s, sources = family.s, [*family.columns, family.s]
        before = {1: [0], 2: [0, 1], 3: [0, 2], 4: [0, 2, 3]}
        rows = [numbers(a[i, before.get(i, [0, *range(3, i)])]) for i in range(1, s)]
        powers = dense(family, a, c, 1.02 * float(reach))
        print(f"/// {s} stages.\nstatic STAGES_{s}: Tableau = Tableau {{ reach: {float(reach)},")
        print(f"times: &[{numbers(c[1:s])}], rows: &[{', '.join(f'&[{row}]' for row in rows)}],")
        print(f"weights: &[{numbers(a[s, family.columns])}], error: &[{numbers((a[s] - embedded)[sources])}],")
        print(f"dense: &[{', '.join(f'[{numbers(row)}]' for row in powers)}] }};\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("given", nargs="+", metavar="STAGES REACH")
    parser.add_argument("--from", dest="start")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--rust", action="store_true")
    a = parser.parse_args()
    if a.rust:
        return rust(a.given)
    stages, reach = a.given
    search(int(stages), float(reach), a.start, a.seed, a.seconds)


if __name__ == "__main__":
    main()
