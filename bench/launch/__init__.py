"""Where the jobs of a study run: processes of this machine through joblib, a Slurm cluster, a Ray cluster.

A launcher is one file, `bench/launch/NAME.py`, with `start(settings, folder)`, and `conf/launcher/NAME.yaml`. A job is
a function call in a fresh process that shares only the store with the driver; it does what is missing of its part of a
study, so it can be run again whenever it was killed. Engines are imported when they are used.
"""
