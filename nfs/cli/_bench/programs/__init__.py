"""What `mtc bench` runs in processes of its own, one file a program; `python -m nfs.cli._bench.programs.NAME`."""
