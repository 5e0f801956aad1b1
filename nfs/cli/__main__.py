"""`python -m nfs.cli` is `mtc`."""

from nfs.cli import main

if __name__ == "__main__":
    main()
