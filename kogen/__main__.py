"""`python -m kogen` is the command line."""

from kogen.cli import main

if __name__ == "__main__":
    main()
