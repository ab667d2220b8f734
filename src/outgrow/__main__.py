"""``python -m outgrow`` is the program ``outgrow``."""

from outgrow.cli import main

main()
