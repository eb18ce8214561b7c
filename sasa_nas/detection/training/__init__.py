"""Training of detectors on one data set, and their average precision."""
