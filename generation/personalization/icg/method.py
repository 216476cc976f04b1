"""The ``icg`` method: the painter is told what ``profile`` tells it, and draws its conditioning by meta tokens.

Refinement happens beside the UNet, in the painter (:class:`~generation.diffusion.painter.Painter`), because the
reference picture is there; so a unit's preference is the same raw profile, and what differs is the
method and the fingerprint in the unit's id.
"""

from generation.personalization.profile.method import ProfileMethod


class IcgMethod(ProfileMethod):
    """A segment's profile and the item's title, painted through the ICG adapter."""

    name = "icg"
