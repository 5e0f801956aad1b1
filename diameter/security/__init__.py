"""The security layer: who a peer is, what its link must have, what may pass.  No I/O; keys are injected."""
