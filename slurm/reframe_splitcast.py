"""splitcast check as a ReFrame test: acceptance of the nodes of a partition.

    reframe -C site.py -c reframe_splitcast.py -r
    reframe -C site.py -c reframe_splitcast.py -r -S num_tasks=64 -S options='--at-least 10G'

The test fails when a node or a link is worse than the others; the failure names it. Its figures are medians over the
nodes, so that references (and their history) can be kept for the cluster as a whole.
"""

import reframe as rfm
import reframe.utility.sanity as sn


@rfm.simple_test
class splitcast_check(rfm.RunOnlyRegressionTest):
    descr = "broadcasts and transfers between all nodes: no node is worse than the others"
    valid_systems = ["*"]
    valid_prog_environs = ["*"]
    program = variable(str, value="splitcast")
    options = variable(str, value="")
    num_tasks = 0  # as many nodes as there are: ReFrame's flexible allocation
    num_tasks_per_node = 1
    time_limit = "20m"

    @run_before("run")
    def set_program(self):
        self.executable = self.program
        self.executable_opts = ["check", "--junit", "check.xml", *self.options.split()]
        self.keep_files = ["check.xml"]

    @sanity_function
    def nobody_is_named(self):
        named = sn.extractall(r"^BAD: (?P<what>.*)$", self.stdout, "what")
        return sn.all([
            sn.assert_eq(named, [], msg="{0}"),
            sn.assert_found(r"^healthy: nothing found in \d+ nodes", self.stdout),
        ])

    def median(self, column):
        """Of a column of the table: its figure is the first number, the share of the median is the second."""
        figures = sn.extractall(rf"^ +\d+ \S+(?: +\S+ +\d+%){{{column}}} +(?P<figure>[\d.]+) +\d+%", self.stdout,
                                "figure", float)
        return sn.sorted(figures)[sn.count(figures) // 2]

    @performance_function("MiB/s")
    def receive(self):
        return self.median(0)

    @performance_function("MiB/s")
    def send(self):
        return self.median(1)

    @performance_function("us")
    def latency(self):
        return self.median(2)
