"""SMS-SC: takes triggers on T4, keeps them, delivers them as short messages on SGd and reports the outcome."""
