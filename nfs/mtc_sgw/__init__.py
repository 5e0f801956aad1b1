"""The MTC Security GW: what stands between every SCS and the core (TS 33.187, TR 33.868 clause 7.4).

One check a file; `logic.run` walks them, `gateway.Gateway` joins them to Diameter messages.
"""
