"""The verbs of `mtc pcap`, a file each."""
