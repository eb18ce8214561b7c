"""Training one network: the proxy trainer, evaluation, devices and seeds. Runs from a plain script."""
