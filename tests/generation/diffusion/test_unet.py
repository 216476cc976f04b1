"""The network's estimate of the clean picture."""

import pytest
import torch


@pytest.mark.parametrize(("keep", "share"), [(0.0, 0.5), (30.0, 1.0), (-30.0, 0.0)])
def test_a_mask_blends_the_reference_with_fresh_paint(keep, share):
    """With the last layer's weights at zero the paint is grey and the mask is what its bias says."""
    from generation.diffusion.unet import build_unet, predict_clean

    unet = build_unet(channels=(48, 48, 48), width=32).eval()
    torch.nn.init.zeros_(unet.conv_out.weight)
    with torch.no_grad():
        unet.conv_out.bias[:12], unet.conv_out.bias[12:] = 0.0, keep
    reference = torch.randn(2, 12, 32, 32)
    tokens, pooled = torch.randn(2, 3, 32), torch.randn(2, 32)
    with torch.no_grad():
        clean = predict_clean(unet, torch.randn(2, 12, 32, 32), torch.rand(2), reference, tokens, pooled)
    torch.testing.assert_close(clean, share * reference)
