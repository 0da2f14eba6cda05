"""Participants of a made-up trial: who left it early? The same rows for the same seed."""
import numpy as np
import pandas as pd


def make_participants(count=2000, seed=21):
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "age": chance.integers(18, 85, count),
        "distance_km": chance.gamma(2.0, 18.0, count).round(1),
        "missed_visits": chance.poisson(1.1, count),
        "adverse_events": chance.poisson(0.7, count),
        "prior_trials": chance.integers(0, 4, count),
        "arm": chance.choice(["placebo", "low", "high"], count),
    })
    tendency = (-3.2 + 0.9 * frame.missed_visits + 0.03 * frame.distance_km + 0.6 * frame.adverse_events
                - 0.5 * frame.prior_trials + 0.4 * (frame.arm == "placebo"))
    frame.insert(0, "dropped_out", (chance.random(count) < 1 / (1 + np.exp(-tendency))).astype(int))
    return frame
