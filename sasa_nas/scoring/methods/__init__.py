"""Training-free scores, a file each: the function in it has the file's name, which is the score's name.

It maps an untrained network, of which it uses a copy, and batches of standardised images (B, C, H, W) with their labels
(B,), all on the network's device, to a number: the higher, the better the network is said to become.
"""
