"""A signalling firewall for the other reference points, in the pipeline of the gateway (GSMA FS.19 style).

The levels of checks, cheapest first: what is no message in order (`well-formed`); what nobody outside may send at all
(`closed-command`, the first category); what only the home network of a subscriber may ask for (`home-network`, the
second); what cannot be, going by where the subscriber was last (`plausible-location`, the third).  FS.19 itself is for
members of the GSMA; its numbers are not claimed here.
"""
