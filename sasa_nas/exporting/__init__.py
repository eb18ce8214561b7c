"""Export of networks as files that work without this package, and verification of such files.

`formats` has the names of formats, without an import of torch; `folder` writes an export, `verification` runs one.
"""
