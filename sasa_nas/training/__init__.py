"""Training of one network: the proxy trainer, evaluation, devices and seeds."""
