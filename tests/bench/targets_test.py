"""The targets' verdicts, on measurements that are made up."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "targets"))

import catalogue  # noqa: E402
import failures  # noqa: E402, F401
import measuring  # noqa: E402
from measuring import KIB, MIB, Place  # noqa: E402


def row(size, seconds, shipped, best):
    contenders = {"splitcast": seconds, "shipped": shipped, "tuned:pipeline:16k": best}
    return {
        "bytes": size,
        "seconds": seconds,
        "iterations": 10,
        "choice": "groups of 3",
        "contenders": [{"name": name, "median": time, "min": time, "max": time} for name, time in contenders.items()],
        "best_rival": "tuned:pipeline:16k",
        "ratio_to_best": best / seconds,
        "ratio_to_shipped": shipped / seconds,
        "tcp_congestion_control": "bbr",
        "load_before": 0.0,
    }


class Made:
    """Instead of a Measuring: splitcast takes `times` the limit, others so many times that."""

    def __init__(self, times=lambda place, size: 1.0, shipped=8.0, best=1.0):
        self.times = times
        self.shipped = shipped
        self.best = best

    def row(self, place, size):
        seconds = place.limit(size) * self.times(place, size)
        return row(size, seconds, self.shipped * seconds, self.best * seconds)


class Verdicts(unittest.TestCase):
    def judge(self, name, made):
        return catalogue.TARGETS[name](quick=False).judge(made)

    def test_limit_counts_headers(self):
        self.assertAlmostEqual(Place(4, 200).limit(16 * MIB), 0.702, places=3)

    def test_every_issued_target_exists(self):
        self.assertEqual(list(catalogue.TARGETS), ["S1", "S2", "S3", "S5", "S9", "D2", "D3", "D1", "F1", "F2", "F3", "F4", "F5", "S10"])
        for cls in catalogue.TARGETS.values():
            self.assertTrue(cls.title and cls.unit and cls.bound)

    def test_s1_is_as_bad_as_its_worst_case(self):
        self.assertTrue(self.judge("S1", Made(lambda place, size: 1.02)).holds)
        one = Made(lambda place, size: 1.04 if (place.hosts, size) == (8, 64 * MIB) else 1.0)
        result = self.judge("S1", one)
        self.assertFalse(result.holds)
        self.assertAlmostEqual(result.measured, 1.04)

    def test_s2_wants_more_of_more_hosts(self):
        self.assertTrue(self.judge("S2", Made(shipped=6.6)).holds)
        self.assertFalse(self.judge("S2", Made(shipped=6.4)).holds)

    def test_s3_wants_most_of_many_hosts_and_small_sizes(self):
        self.assertFalse(self.judge("S3", Made(best=1.1)).holds)
        self.assertTrue(self.judge("S3", Made(best=1.21)).holds)
        self.assertFalse(self.judge("S3", Made(best=0.97)).holds)

    def test_s3_looks_at_every_size_from_64_kib(self):
        sizes = catalogue.TARGETS["S3"](quick=False).sizes()
        self.assertEqual(sizes[Place(8, 100)], [64 * KIB << step for step in (0, 2, 4, 6, 8, 10)])

    def test_d1_is_against_the_links_a_ring_and_sbcast_at_their_best(self):
        limit = Place(8, 100).limit(256 * measuring.MIB)
        lab = {"splitcast copy": [1.04 * limit], "ring, 1 MiB": [1.2 * limit], "ring, 128 KiB": [1.05 * limit]}
        slurm = {"srun_splitcast": [2.0, 1.0, 9.0], "sbcast": [12.0] * 3, "sbcast_fanout_2": [6.0, 7.0, 5.0]}

        class Copies:
            def copies_in_lab(self, place, size, repeats):
                return lab

            def copies_in_slurm(self, place, size, repeats):
                if slurm is None:
                    raise measuring.Unavailable("there is no Slurm")
                return slurm

        result = self.judge("D1", Copies())
        self.assertAlmostEqual(result.measured["limit"], 1.04)
        self.assertAlmostEqual(result.measured["ring"], 1.05 / 1.04)
        self.assertAlmostEqual(result.measured["sbcast"], 3.0)
        self.assertTrue(result.holds)
        slurm["sbcast_fanout_2"] = [5.9, 5.9, 5.9]
        self.assertFalse(self.judge("D1", Copies()).holds)
        slurm = None
        self.assertTrue(self.judge("D1", Copies()).holds)
        lab["ring, 128 KiB"] = [1.03 * limit]
        self.assertFalse(self.judge("D1", Copies()).holds)
        lab["splitcast copy"], lab["ring, 128 KiB"] = [1.06 * limit], [1.07 * limit]
        self.assertFalse(self.judge("D1", Copies()).holds)

    def test_s5_is_growth(self):
        grown = Made(lambda place, size: 1.06 if place.hosts == 16 else 1.0)
        self.assertFalse(self.judge("S5", grown).holds)
        self.assertTrue(self.judge("S5", Made()).holds)


class OneMeasurementForAll(unittest.TestCase):
    def test_the_strongest_need_is_met_once(self):
        runs = []
        shared = measuring.Measuring.__new__(measuring.Measuring)
        shared.rows = {}

        def compare(place, rivals, sizes, _burst):
            runs.append((place, rivals))
            shared.rows.update({(place, size): {} for size in sizes})

        shared._compare = compare
        needs = [need for name in ("S1", "S2", "S3") for need in catalogue.TARGETS[name](quick=False).needs()]
        shared.measure(needs)
        # S3 needs the best rivals at all sizes of S1 and S2, so there are two runs for each place: small and large.
        self.assertEqual([rivals for _, rivals in runs], [measuring.BEST] * 6)
        shared.measure(needs)
        self.assertEqual(len(runs), 6)

    def test_a_run_that_failed_fails_its_targets_only(self):
        shared = measuring.Measuring.__new__(measuring.Measuring)
        shared.rows = {}

        def compare(place, rivals, sizes, _burst):
            if place.hosts == 8:
                raise measuring.Failed("status 1")
            shared.rows.update({(place, size): {} for size in sizes})

        shared._compare = compare
        shared.measure([measuring.Need(Place(4, 100), 1, 0), measuring.Need(Place(8, 100), 1, 0)])
        self.assertEqual(shared.row(Place(4, 100), 1), {})
        with self.assertRaises(measuring.Failed):
            shared.row(Place(8, 100), 1)


if __name__ == "__main__":
    unittest.main()
