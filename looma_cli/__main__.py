"""``python -m looma_cli`` and the command ``looma``."""

from looma_cli.cli.run import main

if __name__ == "__main__":
    main()
