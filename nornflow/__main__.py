"""Lets `python -m nornflow` be the command line."""

from nornflow.cli.main import main

if __name__ == "__main__":
    main()
