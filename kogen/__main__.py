"""`kogen` and `python -m kogen`: a signal at any moment, also while libraries load, ends in exit code 75."""

import os
import signal
import sys


def main() -> None:
    """Run the command line. Ctrl-C and SIGTERM mean: what is done is saved, run me again."""
    try:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C
        from kogen import cli

        cli.main()
    except KeyboardInterrupt:
        sys.stderr.write("kogen: stopped; what was finished is saved, and the same command goes on there\n")
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(75)  # Python itself would end with 130 where the signal met an import
    finally:  # all is done: a signal that comes while Python ends changes nothing
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)


if __name__ == "__main__":
    main()
