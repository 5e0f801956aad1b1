"""What SCEFs may have watched, set and authorised for subscribers: S6t at the HSS (TS 29.336 clauses 7 and 8)."""
