"""Offline charging: what happened (`events`), as a charging data record (`records`, `asn1`), in a file (`files`).

A function writes down each event in its store, in the transaction that makes its acknowledgement good (`book`), and
brings them from there to files of TS 32.297.
"""
