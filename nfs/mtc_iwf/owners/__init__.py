"""The owners of devices: which SCSs they let in, and what was refused about their devices.

`nfs.mtc_sgw.owners` keeps both in memory and store, `provisioning` is the owner's HTTP interface, `push` tells a
webhook.
"""
