"""The door of a cold server's first visitor who asks for /uncertainty; see docs/decisions/0007."""

from sctl.ui.frame.entry import main

main()
