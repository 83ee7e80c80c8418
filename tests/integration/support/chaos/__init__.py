"""Chaos with a seed: a relay that is killed over and over, between sources and bad receivers.

content: what is served and has to arrive; schedule: what goes wrong and when, from the seed alone;
sources, receiver, disk: where it goes wrong; ledger: what arrived, and the check; harness: the run.
"""
