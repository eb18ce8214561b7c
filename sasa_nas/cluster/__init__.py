"""Ray clusters: joining and leaving one, and processes on one that train a network together."""
