"""What will this user click: encoders, data set, click model, calibration, baseline, registry, scorer."""
