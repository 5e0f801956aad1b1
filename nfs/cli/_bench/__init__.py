"""`mtc bench`: what the stack costs, beside the other stacks that are installed, measured in turn in one run.

`scenarios/` holds one small file for each thing measured, and their register; `stacks/` one for each stack, ours among
them; `programs/` what runs in processes of its own.  Sources of programs that are not Python lie in `bench/` of a
checkout and are compiled when a run needs them.

How a figure comes about: server and load are processes of their own, each on one core; the load says BEGIN after its
warm-up and STOP when its time is over, and at these two moments the CPU clocks of both processes are read (all threads,
from the kernel, in nanoseconds).  Rounds go over all stacks in turn, so that what else the machine does hits all alike;
figures are medians over the rounds, ratios are of medians.  Everything runs in one network namespace where the system
lets us make one, because freeDiameter leaves loopback addresses out of its own.
"""
