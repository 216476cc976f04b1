"""A judge without weights: a picture is what its nearest real drawing is."""

import numpy as np

from jobs.stickers.pack import FAMILIES, PicturePack


def small(pixels):
    """(N, 192): 8 x 8 means of each channel, centred."""
    return pixels.reshape(len(pixels), 8, 8, 8, 8, 3).mean(axis=(2, 4)).reshape(len(pixels), -1) / 255.0 - 0.8


class NearestJudge:
    """Style and subject of the nearest real drawing of a held-out subject."""

    def __init__(self):
        pack = PicturePack.load()
        keys = [(code, family) for code in pack.codes("held_out") for family in pack.families_of(code)]
        self.known = small(np.stack([pack.pixels(*key) for key in keys]))
        self.family = np.array([FAMILIES.index(family) for _, family in keys])
        self.subject = np.unique([code for code, _ in keys], return_inverse=True)[1]

    def nearest(self, pixels):
        seen = small(pixels)
        distance = (seen**2).sum(1)[:, None] - 2 * seen @ self.known.T + (self.known**2).sum(1)
        return distance.argmin(axis=1)

    def style_probabilities(self, pixels):
        return np.eye(6, dtype=np.float32)[self.family[self.nearest(pixels)]]

    def features(self, pixels):
        return small(pixels)

    def save(self, lake):
        """Nothing is remembered: the next one would not know it either."""

    def subject_embedding(self, pixels):
        return np.eye(self.subject.max() + 1, dtype=np.float32)[self.subject[self.nearest(pixels)]]
