"""A comparison as one picture: items down, two segments and two users across, a row an arm and one of true drawings."""

import numpy as np
from PIL import Image

from jobs.lake.arrays import Pixels
from jobs.stickers.pack import FAMILIES
from recsys_eval.comparison.figures.audience import segment_audience, user_audience
from recsys_eval.comparison.figures.gallery import Lab
from recsys_eval.report.sheet import sheet_of_arms

SHEET_ITEMS, SHEET_COLUMNS = 6, 2


def contact_sheet(lab: Lab) -> Image.Image:
    """Items down; two segments and two users across, a row a method and one of true drawings."""
    segments = segment_audience(lab)
    names = np.array(segments.people.segment)
    columns = [
        (str(name), segments, int(np.flatnonzero(names == name)[0])) for name in np.unique(names)[:SHEET_COLUMNS]
    ]
    items = np.arange(min(SHEET_ITEMS, len(lab.items)))
    if any(table.audience == "user" for table in lab.plan.tables):
        users = user_audience(lab)
        group = lab.cast.group
        members = np.flatnonzero((group == 0) & (lab.cast.people.clicks > 0))
        most = members[np.argsort(-lab.cast.people.clicks[members], kind="stable")][:SHEET_COLUMNS]
        columns += [(lab.cast.people.ids[row], users, int(row)) for row in most]
        items = np.flatnonzero(lab.cast.item_group == 0)[:SHEET_ITEMS]
    blank = np.full((64, 64, 3), 255, np.uint8)
    arms = {
        method: np.stack(
            [[lab.seen.pixels[audience.shown[method][0][row, item]] for _, audience, row in columns] for item in items]
        )
        for method in lab.methods
    }
    pack, codes = lab.world.items.pack, lab.cast.item_ids

    def drawing(item: int, family: int) -> Pixels:
        return pack.pixels(codes[item], FAMILIES[family]) if lab.gallery.drawn[item, family] else blank

    arms["true drawing"] = np.stack(
        [[drawing(item, int(audience.favourite[row])) for _, audience, row in columns] for item in items]
    )
    titles = [lab.cast.content[item].title for item in items]
    return sheet_of_arms(titles, lab.cast.pixels[items], [name for name, _, _ in columns], arms)
