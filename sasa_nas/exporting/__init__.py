"""Networks as files that work without this package, and whether such files are right.

`formats` tells the names of formats without torch; `folder` writes an export, `verification` runs one.
"""
