"""The Python API: a function or a class for each command of the command line, which calls nothing else.

`sasa_nas` offers all of it; its modules are imported when a name is first used.
"""
