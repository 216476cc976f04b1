"""Is it true: ranking metrics, rankers, lift, off-policy evaluation, image metrics, the report."""
