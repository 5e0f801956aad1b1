"""The group trigger over T4: one Device-Action for a group becomes a trigger for each member (docs/groups.md).

`logic` decides, `fanout` hands over, `keep` remembers; the HSS says who the members are (`nfs.mtc_iwf.s6m`).
"""
