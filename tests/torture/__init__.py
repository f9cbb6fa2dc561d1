"""Torture: what kills, failing disks, power cuts, missing memory and damaged files do to the verbs.

    cd tests && python -m torture            everything at length; writes docs/reliability.md
    cd tests && python -m torture --short    what `make test` runs, in a minute

Linux only, and a C compiler is needed: changes of files are seen on their way to the system (steps.c).
"""
